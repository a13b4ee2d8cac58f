#include "panna_descriptor.h"

#include <algorithm>
#include <cmath>

namespace panna {
namespace {

constexpr double PI = 3.14159265358979323846;
constexpr double FLOOR = 700.0;           // exponents below -FLOOR are held there
constexpr double COLLINEAR = 1e-10;       // sines below it count as this in derivatives

int padded(int count) { return (count + WIDTH - 1) / WIDTH * WIDTH; }

// fc(r) = (1 + cos(pi r / Rc)) / 2 and its derivative, for 0 <= r <= Rc.
void cutoff_function(Vec r, double cutoff, Vec &value, Vec &derivative)
{
  Vec sine, cosine;
  // cos(pi u) = -sin(pi (u - 1/2)), sin(pi u) = cos(pi (u - 1/2)), u from 0 to 1
  sine_cosine(r * (PI / cutoff) - 0.5 * PI, sine, cosine);
  value = (1.0 - sine) * 0.5;
  derivative = cosine * (-0.5 * PI / cutoff);
}

// base^exponent and base^(exponent - 1), base above 0.
void powers(Vec base, double exponent, Vec &value, Vec &one_less)
{
  if (exponent == std::floor(exponent) && exponent < 1024) {
    Vec square = base, result = splat(1.0);
    for (int left = int(exponent) - 1; left > 0; left >>= 1) {
      if (left & 1) result *= square;
      square *= square;
    }
    one_less = result;
  } else
    one_less = exponential(larger(logarithm(base) * (exponent - 1.0), splat(-FLOOR)));
  value = one_less * base;
}

template <typename... Arrays> void grow(std::size_t size, Arrays &...arrays)
{
  (void) std::initializer_list<int>{(arrays.size() < size ? (arrays.resize(size), 0) : 0)...};
}

}    // namespace

void Neighbors::resize(int size)
{
  grow(size + WIDTH, index);
  grow(size + WIDTH, x, y, z, r, fc, dfc, by_r, vx, vy, vz);
}

DescriptorModel::DescriptorModel(const Descriptor &descriptor, int species) :
    d(descriptor), num_species(species), num_components(descriptor.size(species)),
    num_radial(descriptor.num_radial()), padded_radial(padded(num_radial)),
    num_shells(descriptor.num_shells()), num_angles(descriptor.num_angles()),
    largest(std::max(descriptor.cutoff_radial, descriptor.cutoff_angular)),
    smooth(descriptor.smoothing > 0), centers(d.radial_centers), eta(d.radial_eta)
{
  centers.resize(padded_radial, 0.0);
  eta.resize(padded_radial, 0.0);
  if (d.kind == DescriptorKind::bp) {
    for (double z : d.zeta) zeta.insert(zeta.end(), {z, z});
  } else {
    zeta = d.zeta;
    for (double theta : d.thetas) {
      const double s = d.smoothing * std::sin(theta) * std::sin(theta);
      const double norm = 1.0 + std::sqrt(1.0 + s);
      smoothing.push_back(s);
      constant.push_back(1.0 / norm);
      cosine.push_back(std::cos(theta) / norm);
      sine.push_back(std::sin(theta) / norm);
    }
  }
  for (int q = 0; q < int(smoothing.size()); ++q) {
    const auto begin = smoothing.begin();
    const auto same = [&](double other) { return std::abs(other - smoothing[q]) < 1e-16; };
    same_root.push_back(int(std::find_if(begin, begin + q, same) - begin));
  }
  for (double z : zeta) lowest.push_back(std::max(std::exp(-FLOOR / z), 2.3e-308));
}

void DescriptorModel::gather(double cutoff, int count, const double *vectors, const double *squares,
                             const int *species, Neighbors &found) const
{
  found.resize(count);
  found.begin.assign(num_species + 1, 0);
  const double limit = cutoff * cutoff;
  for (int n = 0; n < count; ++n)
    if (species[n] >= 0 && squares[n] < limit) ++found.begin[species[n] + 1];
  for (int s = 0; s < num_species; ++s) found.begin[s + 1] += found.begin[s];
  found.count = found.begin[num_species];
  std::vector<int> &next = found.index;    // filled below; begin[] moves on and is set back
  for (int n = 0; n < count; ++n)
    if (species[n] >= 0 && squares[n] < limit) next[found.begin[species[n]]++] = n;
  for (int s = num_species; s > 0; --s) found.begin[s] = found.begin[s - 1];
  found.begin[0] = 0;
  for (int n = 0; n < found.count; ++n) {
    const double *vector = vectors + 3 * found.index[n];
    found.x[n] = vector[0];
    found.y[n] = vector[1];
    found.z[n] = vector[2];
    found.r[n] = squares[found.index[n]];
  }
  for (int n = found.count; n < found.count + WIDTH; ++n) {
    found.x[n] = found.y[n] = found.z[n] = 0.0;
    found.r[n] = limit;
  }
  for (int n = 0; n < found.count; n += WIDTH) {
    const Vec square = load(&found.r[n]), inverse = inverse_root(square), r = square * inverse;
    Vec value, derivative;
    cutoff_function(r, cutoff, value, derivative);
    store(&found.r[n], r);
    store(&found.x[n], load(&found.x[n]) * inverse);
    store(&found.y[n], load(&found.y[n]) * inverse);
    store(&found.z[n], load(&found.z[n]) * inverse);
    store(&found.fc[n], value);
    store(&found.dfc[n], derivative);
  }
  for (int n = found.count; n < found.count + WIDTH; ++n) {
    found.r[n] = cutoff;
    found.fc[n] = found.dfc[n] = 0.0;
  }
}

void DescriptorModel::radial_values(double *out, DescriptorWork &work) const
{
  const Neighbors &near = work.radial;
  grow(std::size_t(near.count) * padded_radial, work.terms);
  std::vector<double> &sums = work.sums;
  grow(padded_radial, sums);
  for (int s = 0; s < num_species; ++s) {
    std::fill(sums.begin(), sums.end(), 0.0);
    for (int n = near.begin[s]; n < near.begin[s + 1]; ++n)
      for (int m = 0; m < padded_radial; m += WIDTH) {
        const Vec offset = near.r[n] - load(&centers[m]);
        const Vec term = exponential(larger(-load(&eta[m]) * offset * offset, splat(-FLOOR)));
        store(&work.terms[std::size_t(n) * padded_radial + m], term);
        store(&sums[m], load(&sums[m]) + term * near.fc[n]);
      }
    std::copy(sums.begin(), sums.begin() + num_radial, out + s * num_radial);
  }
}

// Lists the triples with the neighbours' numbers: those of a chunk of eight second neighbours are
// written together, and what stands beyond the end of a chunk is written over by the next one.
void DescriptorModel::make_triples(const Neighbors &near, Triples &t) const
{
  const int a = near.begin[t.first], a_end = near.begin[t.first + 1];
  const int b = near.begin[t.second], b_end = near.begin[t.second + 1];
  const bool same = t.first == t.second;
  t.count = same ? (a_end - a) * (a_end - a - 1) / 2 : (a_end - a) * (b_end - b);
  const std::size_t size = padded(t.count) + WIDTH;
  grow(size, t.cosine, t.square, t.r1, t.r2, t.f1, t.f2, t.d1, t.d2);
  grow(size, t.by_cosine, t.by_r1, t.by_r2);
  const bool crossed = d.kind == DescriptorKind::mbp && !smooth;
  int at = 0;
  for (int j = a; j < a_end; ++j) {
    const double x = near.x[j], y = near.y[j], z = near.z[j];
    for (int k = same ? j + 1 : b; k < b_end; k += WIDTH) {
      const Vec kx = load(&near.x[k]), ky = load(&near.y[k]), kz = load(&near.z[k]);
      const Vec c = kx * x + ky * y + kz * z;
      store(&t.cosine[at], c);
      if (crossed) {
        // 1 - c^2 has lost half of its digits near 0, where the result depends on the sine.
        const Vec cx = y * kz - z * ky, cy = z * kx - x * kz, cz = x * ky - y * kx;
        store(&t.square[at], cx * cx + cy * cy + cz * cz);
      } else
        store(&t.square[at], larger(1.0 - c * c, splat(0.0)));
      store(&t.r1[at], splat(near.r[j]));
      store(&t.f1[at], splat(near.fc[j]));
      store(&t.d1[at], splat(near.dfc[j]));
      store(&t.r2[at], load(&near.r[k]));
      store(&t.f2[at], load(&near.fc[k]));
      store(&t.d2[at], load(&near.dfc[k]));
      at += std::min(WIDTH, b_end - k);
    }
  }
  store(&t.cosine[at], splat(0.0));
  store(&t.square[at], splat(1.0));
  store(&t.r1[at], splat(d.cutoff_angular));
  store(&t.r2[at], splat(d.cutoff_angular));
  for (auto *array : {&t.f1, &t.f2, &t.d1, &t.d2}) store(&(*array)[at], splat(0.0));
}

// BP: r_jk^2 = (r_ij - r_ik)^2 + 4 r_ij r_ik (1 - c) / 2, its cutoff function, and the derivative
// of that by r_jk^2.
void DescriptorModel::opposite_sides(Triples &t) const
{
  grow(padded(t.count) + WIDTH, t.r3, t.f3, t.d3);
  const Vec limit = splat(d.cutoff_angular * d.cutoff_angular);
  for (int n = 0; n < t.count; n += WIDTH) {
    const Vec r1 = load(&t.r1[n]), r2 = load(&t.r2[n]), gap = r1 - r2;
    const Vec s = gap * gap + 2.0 * r1 * r2 * (1.0 - load(&t.cosine[n]));
    const auto inside = s < limit;
    const Vec r = larger(root(inside ? s : limit), splat(1e-5 * d.cutoff_angular));
    Vec value, derivative;
    cutoff_function(r, d.cutoff_angular, value, derivative);
    store(&t.r3[n], s);
    store(&t.f3[n], inside ? value : splat(0.0));
    store(&t.d3[n], inside ? derivative / (2.0 * r) : splat(0.0));
  }
}

// The first factors, A_p without the cutoffs.
void DescriptorModel::shells(Triples &t) const
{
  const std::size_t row = padded(t.count);
  grow(row * num_shells, t.a);
  const bool bp = d.kind == DescriptorKind::bp;
  for (int p = 0; p < num_shells; ++p)
    for (std::size_t n = 0; n < row; n += WIDTH) {
      const Vec r1 = load(&t.r1[n]), r2 = load(&t.r2[n]);
      Vec square;
      if (bp)
        square = r1 * r1 + r2 * r2 + load(&t.r3[n]);
      else {
        const Vec offset = (r1 + r2) * 0.5 - d.angular_centers[p];
        square = offset * offset;
      }
      store(&t.a[p * row + n], exponential(larger(-d.angular_eta[p] * square, splat(-FLOOR))));
    }
}

void DescriptorModel::mbp_angles(Triples &t) const
{
  const std::size_t row = padded(t.count);
  grow(row * num_angles, t.roots);
  for (int q = 0; q < num_angles; ++q) {
    double *roots = &t.roots[std::size_t(same_root[q]) * row];
    if (same_root[q] == q)
      for (std::size_t n = 0; n < row; n += WIDTH)
        store(&roots[n], inverse_root(load(&t.square[n]) + (smoothing[q] + 1e-300)));
    for (std::size_t n = 0; n < row; n += WIDTH) {
      const Vec c = load(&t.cosine[n]), inverse = load(&roots[n]);
      const Vec s = (load(&t.square[n]) + smoothing[q]) * inverse;
      const Vec base = larger(constant[q] + cosine[q] * c + sine[q] * s, splat(lowest[q]));
      Vec value, one_less;
      powers(base, zeta[q], value, one_less);
      const Vec inner = cosine[q] - sine[q] * c * -larger(-inverse, splat(-1.0 / COLLINEAR));
      store(&t.b[q * row + n], value);
      store(&t.db[q * row + n], zeta[q] * one_less * inner);
    }
  }
}

void DescriptorModel::bp_angles(Triples &t) const
{
  const std::size_t row = padded(t.count);
  for (int q = 0; q < num_angles; ++q) {
    const double half = q % 2 ? -0.5 : 0.5;    // lambda / 2
    for (std::size_t n = 0; n < row; n += WIDTH) {
      const Vec base = larger(0.5 + half * load(&t.cosine[n]), splat(lowest[q]));
      Vec value, one_less;
      powers(zeta[q] < 1.0 ? larger(base, splat(1e-20)) : base, zeta[q], value, one_less);
      store(&t.b[q * row + n], value);
      store(&t.db[q * row + n], zeta[q] * half * one_less);
    }
  }
}

void DescriptorModel::cutoffs(Triples &t) const
{
  const std::size_t row = padded(t.count);
  grow(row, t.cut);
  const bool bp = d.kind == DescriptorKind::bp;
  for (std::size_t n = 0; n < row; n += WIDTH) {
    const Vec both = load(&t.f1[n]) * load(&t.f2[n]) * factor(t);
    store(&t.cut[n], bp ? both * load(&t.f3[n]) : both);
  }
}

// out[p, q] = sum_t cut A_p B_q
void DescriptorModel::sum_triples(const Triples &t, double *out) const
{
  const std::size_t row = padded(t.count);
  constexpr int TILE = 8;
  for (int p = 0; p < num_shells; ++p)
    for (int q = 0; q < num_angles; q += TILE) {
      const int tile = std::min(TILE, num_angles - q);
      Vec sums[TILE] = {};
      for (std::size_t n = 0; n < row; n += WIDTH) {
        const Vec a = load(&t.a[p * row + n]) * load(&t.cut[n]);
        if (tile == TILE)
          for (int k = 0; k < TILE; ++k) sums[k] += a * load(&t.b[(q + k) * row + n]);
        else
          for (int k = 0; k < tile; ++k) sums[k] += a * load(&t.b[(q + k) * row + n]);
      }
      for (int k = 0; k < tile; ++k) out[p * num_angles + q + k] = sum(sums[k]);
    }
}

// dE by cosine and by both distances of every triple, with weights [p, q] = dE/dG.
void DescriptorModel::weigh_triples(Triples &t, const double *weights) const
{
  const std::size_t row = padded(t.count);
  const bool bp = d.kind == DescriptorKind::bp;
  for (std::size_t n = 0; n < row; n += WIDTH) {
    Vec plain = splat(0.0);       // sum_p A_p sum_q w B, without cutoffs
    Vec weighted = splat(0.0);    // the same with d(exponent) of each shell
    Vec angular = splat(0.0);     // sum_p A_p sum_q w dB
    const Vec r1 = load(&t.r1[n]), r2 = load(&t.r2[n]);
    for (int p = 0; p < num_shells; ++p) {
      Vec s = splat(0.0), ds = splat(0.0);
      for (int q = 0; q < num_angles; ++q) {
        const double w = weights[p * num_angles + q];
        s += w * load(&t.b[q * row + n]);
        ds += w * load(&t.db[q * row + n]);
      }
      const Vec a = load(&t.a[p * row + n]);
      s *= a;
      angular += a * ds;
      plain += s;
      weighted += bp ? -d.angular_eta[p] * s : -d.angular_eta[p] * ((r1 + r2) * 0.5 - d.angular_centers[p]) * s;
    }
    const Vec f1 = load(&t.f1[n]), f2 = load(&t.f2[n]);
    const Vec cut = load(&t.cut[n]);
    Vec by_c = angular * cut, by_1, by_2;
    plain *= factor(t);
    if (bp) {
      // By the square of r_jk: of the exponential and of its cutoff; then r_jk^2 by r1, r2 and c.
      const Vec f3 = load(&t.f3[n]), c = load(&t.cosine[n]);
      const Vec exponent = weighted * cut;
      const Vec opposite = exponent + plain * f1 * f2 * load(&t.d3[n]);
      by_c -= opposite * 2.0 * r1 * r2;
      by_1 = plain * load(&t.d1[n]) * f2 * f3 + 2.0 * r1 * exponent + 2.0 * (r1 - r2 * c) * opposite;
      by_2 = plain * load(&t.d2[n]) * f1 * f3 + 2.0 * r2 * exponent + 2.0 * (r2 - r1 * c) * opposite;
    } else {
      by_1 = plain * load(&t.d1[n]) * f2 + weighted * cut;
      by_2 = plain * load(&t.d2[n]) * f1 + weighted * cut;
    }
    store(&t.by_cosine[n], by_c);
    store(&t.by_r1[n], by_1);
    store(&t.by_r2[n], by_2);
  }
}

// Adds the triples' derivatives to those of their neighbours.
void DescriptorModel::scatter(Triples &t, Neighbors &near) const
{
  const int a = near.begin[t.first], a_end = near.begin[t.first + 1];
  const int b = near.begin[t.second], b_end = near.begin[t.second + 1];
  const bool same = t.first == t.second;
  int at = 0;
  for (int j = a; j < a_end; ++j) {
    const double x = near.x[j], y = near.y[j], z = near.z[j];
    Vec r = splat(0.0), vx = r, vy = r, vz = r;
    for (int k = same ? j + 1 : b; k < b_end; k += WIDTH) {
      const int count = std::min(WIDTH, b_end - k);
      const Vec mask = lanes(count);
      const Vec c = load(&t.by_cosine[at]) * mask;
      r += load(&t.by_r1[at]) * mask;
      vx += c * load(&near.x[k]);
      vy += c * load(&near.y[k]);
      vz += c * load(&near.z[k]);
      store(&near.by_r[k], load(&near.by_r[k]) + load(&t.by_r2[at]) * mask);
      store(&near.vx[k], load(&near.vx[k]) + c * x);
      store(&near.vy[k], load(&near.vy[k]) + c * y);
      store(&near.vz[k], load(&near.vz[k]) + c * z);
      at += count;
    }
    near.by_r[j] += sum(r);
    near.vx[j] += sum(vx);
    near.vy[j] += sum(vy);
    near.vz[j] += sum(vz);
  }
}

void DescriptorModel::values(int count, const double *vectors, const double *squares,
                             const int *species, double *out, DescriptorWork &work) const
{
  gather(d.cutoff_radial, count, vectors, squares, species, work.radial);
  gather(d.cutoff_angular, count, vectors, squares, species, work.angular);
  radial_values(out, work);
  out += num_species * num_radial;
  work.triples.resize(std::size_t(num_species) * (num_species + 1) / 2);
  int pair = 0;
  for (int s = 0; s < num_species; ++s)
    for (int u = s; u < num_species; ++u, ++pair, out += num_shells * num_angles) {
      Triples &t = work.triples[pair];
      t.first = s;
      t.second = u;
      make_triples(work.angular, t);
      if (!t.count) {
        std::fill(out, out + num_shells * num_angles, 0.0);
        continue;
      }
      const std::size_t row = padded(t.count);
      grow(row * num_angles, t.b, t.db);
      if (d.kind == DescriptorKind::bp) {
        opposite_sides(t);
        bp_angles(t);
      } else
        mbp_angles(t);
      shells(t);
      cutoffs(t);
      sum_triples(t, out);
    }
}

void DescriptorModel::gradient(const double *weights, double *by_vector, DescriptorWork &work) const
{
  Neighbors &near = work.angular;
  const int padded_count = near.count + WIDTH;
  for (auto *array : {&near.by_r, &near.vx, &near.vy, &near.vz})
    std::fill(array->begin(), array->begin() + padded_count, 0.0);
  const double *angular = weights + num_species * num_radial;
  for (Triples &t : work.triples) {
    if (t.count) {
      weigh_triples(t, angular);
      scatter(t, near);
    }
    angular += num_shells * num_angles;
  }
  for (int n = 0; n < near.count; ++n) {
    // d(unit vector)/d(vector) = (1 - n n^T) / r
    const double along = near.vx[n] * near.x[n] + near.vy[n] * near.y[n] + near.vz[n] * near.z[n];
    const double inverse = 1.0 / near.r[n], radial = near.by_r[n] - along * inverse;
    double *out = by_vector + 3 * near.index[n];
    out[0] += near.x[n] * radial + near.vx[n] * inverse;
    out[1] += near.y[n] * radial + near.vy[n] * inverse;
    out[2] += near.z[n] * radial + near.vz[n] * inverse;
  }
  radial_gradient(weights, by_vector, work);
}

void DescriptorModel::radial_gradient(const double *weights, double *by_vector, DescriptorWork &work) const
{
  const Neighbors &near = work.radial;
  std::vector<double> &own = work.sums;
  std::fill(own.begin(), own.end(), 0.0);
  for (int s = 0; s < num_species; ++s) {
    std::copy(weights + s * num_radial, weights + (s + 1) * num_radial, own.begin());
    for (int n = near.begin[s]; n < near.begin[s + 1]; ++n) {
      Vec total = splat(0.0);
      for (int m = 0; m < padded_radial; m += WIDTH) {
        const Vec term = load(&work.terms[std::size_t(n) * padded_radial + m]) * load(&own[m]);
        total += term * (near.dfc[n] - 2.0 * load(&eta[m]) * (near.r[n] - load(&centers[m])) * near.fc[n]);
      }
      const double slope = sum(total);
      double *out = by_vector + 3 * near.index[n];
      out[0] += near.x[n] * slope;
      out[1] += near.y[n] * slope;
      out[2] += near.z[n] * slope;
    }
  }
}

}    // namespace panna
