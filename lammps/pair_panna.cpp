#include "pair_panna.h"

#include "atom.h"
#include "comm.h"
#include "error.h"
#include "force.h"
#include "memory.h"
#include "neigh_list.h"
#include "neighbor.h"
#include "update.h"
#include "utils.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <sys/stat.h>

#ifdef _OPENMP
#include <omp.h>
#endif

using namespace LAMMPS_NS;

namespace {

bool is_folder(const std::string &path)
{
  struct stat found;
  return stat(path.c_str(), &found) == 0 && S_ISDIR(found.st_mode);
}

bool ends_with(const std::string &text, const std::string &end)
{
  return text.size() >= end.size() && text.compare(text.size() - end.size(), end.size(), end) == 0;
}

std::string joined(const std::vector<std::string> &words)
{
  std::string text;
  for (const auto &word : words) text += (text.empty() ? "" : ", ") + word;
  return text;
}

}    // namespace

// What one thread needs: its neighbours' vectors and its own forces.
struct PairPanna::Thread {
  panna::Work work;
  std::vector<double> vectors, squares, gradient, member_gradient;
  std::vector<int> index, species;
  std::vector<double> forces, member_forces, virials;    // [all atoms, 3], [members, all, 3], [all, 6]
  int count = 0;
  bigint outside = 0;
  double farthest = 0.0;
};

PairPanna::PairPanna(LAMMPS *lmp) : Pair(lmp)
{
  single_enable = 0;
  restartinfo = 0;
  one_coeff = 1;
  manybody_flag = 1;
  centroidstressflag = CENTROID_NOTAVAIL;
}

PairPanna::~PairPanna()
{
  if (allocated) {
    memory->destroy(setflag);
    memory->destroy(cutsq);
  }
  delete[] pvector;
}

void PairPanna::allocate()
{
  const int size = atom->ntypes + 1;
  memory->create(setflag, size, size, "pair:setflag");
  memory->create(cutsq, size, size, "pair:cutsq");
  for (int i = 1; i < size; ++i)
    for (int j = 1; j < size; ++j) setflag[i][j] = 0;
  allocated = 1;
}

void PairPanna::settings(int narg, char **arg)
{
  for (int at = 0; at < narg; at += 2) {
    const std::string key = arg[at];
    if (at + 1 == narg) error->all(FLERR, "pair_style panna: {} needs a value", key);
    const std::string value = arg[at + 1];
    if (key == "precision") {
      if (value != "single" && value != "double")
        error->all(FLERR, "pair_style panna: precision {}: expected single or double", value);
      single = value == "single";
    } else if (key == "threads")
      num_threads = utils::inumeric(FLERR, value, false, lmp);
    else if (key == "extrapolation")
      extrapolation_every = utils::inumeric(FLERR, value, false, lmp);
    else
      error->all(FLERR, "pair_style panna: unknown option {}: expected precision, threads or extrapolation", key);
  }
  if (num_threads < 0 || num_threads > 1024 || extrapolation_every < 0)
    error->all(FLERR, "pair_style panna: threads (0 to 1024) and extrapolation (steps) cannot be negative");
}

// Reads on the first rank; the others get the bytes.
std::string PairPanna::read_file(const std::string &path)
{
  std::string content;
  long long size = -1;
  if (comm->me == 0) {
    if (FILE *file = is_folder(path) ? nullptr : std::fopen(path.c_str(), "rb")) {
      char buffer[65536];
      for (std::size_t got; (got = std::fread(buffer, 1, sizeof buffer, file)) > 0;) content.append(buffer, got);
      if (!std::ferror(file)) size = (long long) content.size();
      std::fclose(file);
    }
  }
  MPI_Bcast(&size, 1, MPI_LONG_LONG, 0, world);
  if (size < 0) throw panna::FileError(path + ": cannot be read: no such file, or no permission");
  content.resize(std::size_t(size));
  constexpr long long PART = 1 << 30;    // MPI counts with 32 bits
  for (long long at = 0; at < size; at += PART)
    MPI_Bcast(&content[std::size_t(at)], int(std::min(PART, size - at)), MPI_CHAR, 0, world);
  return content;
}

void PairPanna::coeff(int narg, char **arg)
{
  if (!allocated) allocate();
  const int types = atom->ntypes;
  if (narg < 3 + types)
    error->all(FLERR, "pair_coeff: expected * * POTENTIAL [POTENTIAL ...] and one element for each of the {} atom types", types);
  if (std::strcmp(arg[0], "*") != 0 || std::strcmp(arg[1], "*") != 0)
    error->all(FLERR, "pair_coeff: pair style panna takes * * and all elements at once");
  std::vector<std::string> paths;
  for (int at = 2; at < narg - types; ++at) {
    const std::string word = arg[at];
    if (!paths.empty() && is_folder(paths.back()) && ends_with(word, ".in"))
      paths.back() += "/" + word;
    else
      paths.push_back(word);
  }
  const std::vector<std::string> symbols(arg + narg - types, arg + narg);
  load(paths);
  check_elements(symbols);
  for (int i = 1; i <= types; ++i)
    for (int j = 1; j <= types; ++j)
      setflag[i][j] = species_of_type[0][i] >= 0 && species_of_type[0][j] >= 0;
}

void PairPanna::load(const std::vector<std::string> &paths)
{
  members.clear();
  for (std::string path : paths) {
    if (is_folder(path)) path += "/panna.in";
    try {
      const auto potential = panna::read_potential(path, [this](const std::string &file) { return read_file(file); });
      members.emplace_back(new panna::Model(potential, single));
    } catch (const panna::FileError &mistake) {
      error->all(FLERR, "pair_coeff: {}", mistake.what());
    }
  }
  const int extra = members.size() > 1 ? 2 : 0;
  if (extra == nextra) return;
  delete[] pvector;
  nextra = extra;
  pvector = extra ? new double[extra]() : nullptr;
}

void PairPanna::check_elements(const std::vector<std::string> &symbols)
{
  species_of_type.assign(members.size(), std::vector<int>(symbols.size() + 1, -1));
  for (std::size_t m = 0; m < members.size(); ++m)
    for (std::size_t t = 0; t < symbols.size(); ++t) {
      if (symbols[t] == "NULL") continue;
      const auto &known = members[m]->species;
      const auto found = std::find(known.begin(), known.end(), symbols[t]);
      if (found == known.end())
        error->all(FLERR, "pair_coeff: {} has no network for '{}' (atom type {}): it knows {}; the last {} words are the elements of the atom types",
                   members[m]->source, symbols[t], t + 1, joined(known), symbols.size());
      species_of_type[m][t + 1] = int(found - known.begin());
    }
}

void PairPanna::init_style()
{
  if (std::strcmp(update->unit_style, "metal") != 0)
    error->all(FLERR, "pair style panna computes in eV and angstrom: use units metal, not {}", update->unit_style);
  if (force->newton_pair == 0) error->all(FLERR, "pair style panna needs newton on: forces on ghost atoms go back to their owners");
  if (atom->tag_enable == 0) error->all(FLERR, "pair style panna needs atom IDs");
  if (extrapolation_every && comm->me == 0 && !members[0]->knows_ranges())
    error->warning(FLERR, "pair style panna: {} does not say what range it was trained on: extrapolation is not noticed; export a .panna file", members[0]->source);
  comm_reverse = members.size() > 1 ? 3 * int(members.size()) : 0;
  neighbor->add_request(this, NeighConst::REQ_FULL);
}

double PairPanna::init_one(int i, int j)
{
  if (setflag[i][j] == 0) error->all(FLERR, "pair style panna: atom types {} and {} have no coefficients", i, j);
  double largest = 0.0;
  for (const auto &member : members) largest = std::max(largest, member->cutoff());
  return largest;
}

void PairPanna::prepare()
{
  int wanted = 1;
#ifdef _OPENMP
  wanted = num_threads ? num_threads : comm->nthreads;
#endif
  threads.resize(std::size_t(wanted));
  const std::size_t all = std::size_t(atom->nlocal + atom->nghost);
  for (Thread &thread : threads) {
    thread.outside = 0;
    thread.farthest = 0.0;
    thread.forces.assign(3 * all, 0.0);
    if (members.size() > 1) thread.member_forces.assign(3 * all * members.size(), 0.0);
    if (vflag_atom) thread.virials.assign(6 * all, 0.0);
  }
  atom_energies.assign(std::size_t(atom->nlocal) * members.size(), 0.0);
}

void PairPanna::compute(int eflag, int vflag)
{
  ev_init(eflag, vflag);
  prepare();
  const bool watch = extrapolation_every && update->ntimestep % extrapolation_every == 0;
  const int inum = list->inum, *ilist = list->ilist;
  const int count = int(threads.size());
#ifdef _OPENMP
#pragma omp parallel num_threads(count)
#endif
  {
#ifdef _OPENMP
    const int me = omp_get_thread_num();
#else
    const int me = 0;
#endif
    Thread &thread = threads[std::size_t(me)];
    // Fixed shares: the order of all sums, and so every bit, depends on the number of threads only.
    const int first = int((long long) inum * me / count), last = int((long long) inum * (me + 1) / count);
    for (int at = first; at < last; ++at) atom_energy(ilist[at], thread, watch);
  }
  for (Thread &thread : threads) reduce(thread, watch);
  for (int at = 0; at < inum; ++at) {
    const int i = ilist[at];
    double energy = 0.0;
    for (std::size_t m = 0; m < members.size(); ++m) energy += atom_energies[std::size_t(i) * members.size() + m];
    energy /= double(members.size());
    if (eflag_global) eng_vdwl += energy;
    if (eflag_atom) eatom[i] += energy;
  }
  if (vflag_fdotr) virial_fdotr_compute();
  if (members.size() > 1) committee_spread();
  if (watch) warn_of_extrapolation();
}

// Energy of one atom by every member, and the forces on it and its neighbours.
void PairPanna::atom_energy(int i, Thread &thread, bool watch)
{
  const int type = atom->type[i], jnum = list->numneigh[i];
  const int *jlist = list->firstneigh[i];
  double **x = atom->x;
  const double limit = cutsq[type][type];
  if (species_of_type[0][type] < 0) return;
  if (int(thread.index.size()) < jnum) {
    thread.index.resize(jnum);
    thread.species.resize(jnum);
    thread.squares.resize(jnum);
    thread.vectors.resize(3 * std::size_t(jnum));
    thread.gradient.resize(3 * std::size_t(jnum));
    thread.member_gradient.resize(3 * std::size_t(jnum));
  }
  int count = 0;
  const double xi = x[i][0], yi = x[i][1], zi = x[i][2];
  for (int at = 0; at < jnum; ++at) {
    const int j = jlist[at] & NEIGHMASK;
    const double dx = x[j][0] - xi, dy = x[j][1] - yi, dz = x[j][2] - zi;
    const double square = dx * dx + dy * dy + dz * dz;
    if (square >= limit || square < 1e-16 || species_of_type[0][atom->type[j]] < 0) continue;
    thread.index[count] = j;
    thread.squares[count] = square;
    thread.vectors[3 * count] = dx;
    thread.vectors[3 * count + 1] = dy;
    thread.vectors[3 * count + 2] = dz;
    ++count;
  }
  thread.count = count;
  std::fill_n(thread.gradient.begin(), 3 * count, 0.0);
  const std::size_t number = members.size();
  const std::size_t all = std::size_t(atom->nlocal + atom->nghost);
  double worst = 0.0;
  for (std::size_t m = 0; m < number; ++m) {
    const auto &species = species_of_type[m];
    for (int n = 0; n < count; ++n) thread.species[n] = species[atom->type[thread.index[n]]];
    double *by_vector = thread.gradient.data();
    if (number > 1) {
      by_vector = thread.member_gradient.data();
      std::fill_n(by_vector, 3 * count, 0.0);
    }
    atom_energies[std::size_t(i) * number + m] = members[m]->evaluate(
        species[type], count, thread.vectors.data(), thread.squares.data(), thread.species.data(), by_vector, thread.work);
    if (watch) worst = std::max(worst, members[m]->outside(species[type], thread.work));
    if (number == 1) continue;
    double *forces = thread.member_forces.data() + 3 * all * m;
    for (int n = 0; n < count; ++n)
      for (int axis = 0; axis < 3; ++axis) {
        const double value = by_vector[3 * n + axis];
        thread.gradient[3 * n + axis] += value / double(number);
        forces[3 * std::size_t(thread.index[n]) + axis] -= value;
        forces[3 * std::size_t(i) + axis] += value;
      }
  }
  if (worst > 0.0) {
    ++thread.outside;
    thread.farthest = std::max(thread.farthest, worst);
  }
  double own[3] = {0.0, 0.0, 0.0};
  for (int n = 0; n < count; ++n)
    for (int axis = 0; axis < 3; ++axis) {
      own[axis] += thread.gradient[3 * n + axis];
      thread.forces[3 * std::size_t(thread.index[n]) + axis] -= thread.gradient[3 * n + axis];
    }
  for (int axis = 0; axis < 3; ++axis) thread.forces[3 * std::size_t(i) + axis] += own[axis];
  if (vflag_atom) tally_virial(i, thread);
}

// Each pair's virial goes to its two atoms in equal parts.
void PairPanna::tally_virial(int i, Thread &thread)
{
  static const int first[6] = {0, 1, 2, 0, 0, 1}, second[6] = {0, 1, 2, 1, 2, 2};
  for (int n = 0; n < thread.count; ++n)
    for (int k = 0; k < 6; ++k) {
      const double half = -0.5 * thread.vectors[3 * n + first[k]] * thread.gradient[3 * n + second[k]];
      thread.virials[6 * std::size_t(i) + k] += half;
      thread.virials[6 * std::size_t(thread.index[n]) + k] += half;
    }
}

void PairPanna::reduce(Thread &thread, bool watch)
{
  const int all = atom->nlocal + atom->nghost;
  for (int i = 0; i < all; ++i)
    for (int axis = 0; axis < 3; ++axis) atom->f[i][axis] += thread.forces[3 * std::size_t(i) + axis];
  if (vflag_atom)
    for (int i = 0; i < all; ++i)
      for (int k = 0; k < 6; ++k) vatom[i][k] += thread.virials[6 * std::size_t(i) + k];
  if (!watch) return;
  if (&thread == &threads[0]) {
    outside = 0;
    farthest = 0.0;
  }
  outside += thread.outside;
  farthest = std::max(farthest, thread.farthest);
}

// Standard deviations over the members: by atom for `fix pair`, the largest for `compute pair`.
void PairPanna::committee_spread()
{
  const std::size_t number = members.size(), all = std::size_t(atom->nlocal + atom->nghost);
  member_forces.assign(3 * all * number, 0.0);
  for (const Thread &thread : threads)
    for (std::size_t k = 0; k < member_forces.size(); ++k) member_forces[k] += thread.member_forces[k];
  comm->reverse_comm(this);
  energy_spread.assign(std::size_t(std::max(atom->nmax, 1)), 0.0);
  force_spread.assign(std::size_t(std::max(atom->nmax, 1)), 0.0);
  double mine[2] = {0.0, 0.0}, largest[2];
  for (int i = 0; i < atom->nlocal; ++i) {
    double mean = 0.0, square = 0.0, forces = 0.0;
    for (std::size_t m = 0; m < number; ++m) mean += atom_energies[std::size_t(i) * number + m] / double(number);
    for (std::size_t m = 0; m < number; ++m) square += std::pow(atom_energies[std::size_t(i) * number + m] - mean, 2);
    for (int axis = 0; axis < 3; ++axis) {
      double middle = 0.0;
      for (std::size_t m = 0; m < number; ++m) middle += member_forces[3 * (all * m + i) + axis] / double(number);
      for (std::size_t m = 0; m < number; ++m) forces += std::pow(member_forces[3 * (all * m + i) + axis] - middle, 2);
    }
    energy_spread[i] = std::sqrt(square / double(number));
    force_spread[i] = std::sqrt(forces / double(number));
    mine[0] = std::max(mine[0], energy_spread[i]);
    mine[1] = std::max(mine[1], force_spread[i]);
  }
  MPI_Allreduce(mine, largest, 2, MPI_DOUBLE, MPI_MAX, world);
  for (int k = 0; k < 2; ++k) pvector[k] = comm->me == 0 ? largest[k] : 0.0;    // LAMMPS adds the ranks'
}

void *PairPanna::extract_peratom(const char *name, int &columns)
{
  columns = 0;
  if (members.size() < 2) return nullptr;
  if (std::strcmp(name, "energy_spread") == 0) return energy_spread.data();
  if (std::strcmp(name, "force_spread") == 0) return force_spread.data();
  return nullptr;
}

int PairPanna::pack_reverse_comm(int n, int first, double *buffer)
{
  const std::size_t number = members.size(), all = std::size_t(atom->nlocal + atom->nghost);
  int at = 0;
  for (int i = first; i < first + n; ++i)
    for (std::size_t m = 0; m < number; ++m)
      for (int axis = 0; axis < 3; ++axis) buffer[at++] = member_forces[3 * (all * m + i) + axis];
  return at;
}

void PairPanna::unpack_reverse_comm(int n, int *indices, double *buffer)
{
  const std::size_t number = members.size(), all = std::size_t(atom->nlocal + atom->nghost);
  int at = 0;
  for (int k = 0; k < n; ++k)
    for (std::size_t m = 0; m < number; ++m)
      for (int axis = 0; axis < 3; ++axis) member_forces[3 * (all * m + indices[k]) + axis] += buffer[at++];
}

void PairPanna::warn_of_extrapolation()
{
  bigint all = 0;
  double worst = 0.0;
  MPI_Allreduce(&outside, &all, 1, MPI_LMP_BIGINT, MPI_SUM, world);
  MPI_Allreduce(&farthest, &worst, 1, MPI_DOUBLE, MPI_MAX, world);
  if (all && comm->me == 0)
    error->warning(FLERR, "pair style panna: step {}: {} atoms are outside the range of the training set, the farthest by {:.2f} of its width",
                   update->ntimestep, all, worst);
}

double PairPanna::memory_usage()
{
  double bytes = Pair::memory_usage();
  for (const Thread &thread : threads)
    bytes += 8.0 * double(thread.forces.capacity() + thread.member_forces.capacity() + thread.virials.capacity());
  return bytes + 8.0 * double(member_forces.capacity() + atom_energies.capacity());
}
