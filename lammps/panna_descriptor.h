// Descriptors of one atom, and the forces that the derivatives of its energy by them mean.
//
// Formulas as in the module panna_exp.descriptors; letters: N neighbours, T triples, Np shells
// (angular centres of mBP, exponents of BP), Nq angles. Triples are worked on in vectors of eight;
// an angular term is an outer product A_p B_q, whose parts are kept from the values to the
// gradient.

#ifndef PANNA_DESCRIPTOR_H
#define PANNA_DESCRIPTOR_H

#include "panna_potential.h"
#include "panna_simd.h"

#include <vector>

namespace panna {

// Neighbours of an atom within a cutoff, sorted by species, each array padded by eight harmless ones.
struct Neighbors {
  int count = 0;
  std::vector<int> begin;    // [species + 1]
  std::vector<int> index;    // the caller's own number of each
  std::vector<double> x, y, z, r, fc, dfc;    // unit vector, distance, cutoff function, derivative
  std::vector<double> by_r, vx, vy, vz;    // dE/dr, and dE/d(unit vector)
  void resize(int size);
};

// Triples of one pair of species, in the order of their neighbours.
struct Triples {
  int first = 0, second = 0;    // species
  int count = 0;
  std::vector<double> cosine, square;           // c, and 1 - c^2 (or |sine|)
  std::vector<double> r1, r2, f1, f2, d1, d2;    // of both neighbours
  std::vector<double> r3, f3, d3;    // BP: r_jk^2, fc(r_jk) and d fc / d(r_jk^2)
  std::vector<double> cut;         // factor fc fc
  std::vector<double> roots;       // [Nq, T] 1 / s_q
  std::vector<double> a, b, db;    // [Np, T] A, [Nq, T] B, and dB/dc
  std::vector<double> by_cosine, by_r1, by_r2;
};

struct DescriptorWork {
  Neighbors radial, angular;
  std::vector<Triples> triples;
  std::vector<double> terms, sums;    // [N, Nr] radial Gaussians, [Nr] of one species
};

class DescriptorModel {
 public:
  DescriptorModel() = default;
  DescriptorModel(const Descriptor &descriptor, int species);

  // Fills the descriptor [D] of an atom.
  // Neighbours: vectors from the atom [count, 3], squared distances, and species, -1 for none.
  void values(int count, const double *vectors, const double *squares, const int *species,
              double *out, DescriptorWork &work) const;

  // Adds dE/d(vector) [count, 3] of the neighbours, given dE/dG [D]; after `values` of the atom.
  void gradient(const double *weights, double *by_vector, DescriptorWork &work) const;

  int size() const { return num_components; }
  double cutoff() const { return largest; }

 private:
  void gather(double cutoff, int count, const double *vectors, const double *squares,
              const int *species, Neighbors &found) const;
  void radial_values(double *out, DescriptorWork &work) const;
  void radial_gradient(const double *weights, double *by_vector, DescriptorWork &work) const;
  void make_triples(const Neighbors &near, Triples &t) const;
  void shells(Triples &t) const;
  void mbp_angles(Triples &t) const;
  void bp_angles(Triples &t) const;
  void opposite_sides(Triples &t) const;
  void cutoffs(Triples &t) const;
  void sum_triples(const Triples &t, double *out) const;
  void weigh_triples(Triples &t, const double *weights) const;
  double factor(const Triples &t) const { return d.pairs_twice && t.first == t.second ? 4.0 : 2.0; }
  void scatter(Triples &t, Neighbors &near) const;

  Descriptor d;
  int num_species = 0, num_components = 0, num_radial = 0, padded_radial = 0;
  int num_shells = 0, num_angles = 0;
  double largest = 0.0;
  bool smooth = false;
  std::vector<double> centers, eta;    // radial, padded
  std::vector<double> constant, cosine, sine, smoothing, zeta, lowest;    // by angle
  // An earlier angle of the same smoothing (as theta and pi - theta have), or the angle itself.
  std::vector<int> same_root;
};

}    // namespace panna

#endif
