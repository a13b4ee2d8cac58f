// LAMMPS pair style of Behler-Parrinello potentials of PANNA and panna_exp.
//
//   pair_style panna [precision double|single] [threads N] [extrapolation N]
//   pair_coeff * * POTENTIAL [POTENTIAL ...] ELEMENT ...
//
// POTENTIAL is a folder with panna.in (or the folder and the name of that file), or a .panna file;
// several are a committee, whose mean moves the atoms. One ELEMENT (or NULL) per atom type.

#ifndef PAIR_PANNA_H
#define PAIR_PANNA_H

#include "panna_model.h"

#include "pair.h"

#include <memory>
#include <string>
#include <vector>

namespace LAMMPS_NS {

class PairPanna : public Pair {
 public:
  explicit PairPanna(class LAMMPS *);
  ~PairPanna() override;

  void settings(int, char **) override;
  void coeff(int, char **) override;
  void init_style() override;
  double init_one(int, int) override;
  void compute(int, int) override;
  void *extract_peratom(const char *, int &) override;
  int pack_reverse_comm(int, int, double *) override;
  void unpack_reverse_comm(int, int *, double *) override;
  double memory_usage() override;

 private:
  struct Thread;

  void allocate();
  std::string read_file(const std::string &);
  void load(const std::vector<std::string> &);
  void check_elements(const std::vector<std::string> &);
  void prepare();
  void atom_energy(int, Thread &, bool per_member);
  void tally_virial(int, Thread &);
  void reduce(Thread &, bool);
  void committee_spread();
  void warn_of_extrapolation();

  bool single = false;
  int num_threads = 0;            // 0: as LAMMPS itself
  int extrapolation_every = 0;    // steps, 0: never
  std::vector<std::unique_ptr<panna::Model>> members;
  std::vector<std::vector<int>> species_of_type;    // by member and type, -1 for none
  std::vector<Thread> threads;
  std::vector<double> atom_energies;    // [atoms, members]
  std::vector<double> member_forces;    // [members, all atoms, 3] of a committee
  std::vector<double> energy_spread, force_spread;    // [atoms]
  bigint outside = 0;
  double farthest = 0.0;
};

}    // namespace LAMMPS_NS

#endif
