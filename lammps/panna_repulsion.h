// Short-range repulsion of nuclei, where no data say what happens.
//
// E(r) = k Z_i Z_j / r phi(r / a) s(r), half of it for each atom of a pair: phi of Ziegler, Biersack
// and Littmark, s falls from 1 to 0 between R / 2 and R. See panna_exp.descriptors.repulsion.

#ifndef PANNA_REPULSION_H
#define PANNA_REPULSION_H

#include "panna_potential.h"

#include <algorithm>
#include <cmath>
#include <vector>

namespace panna {

class Repulsion {
 public:
  explicit Repulsion(const Potential &potential) :
      num_species(int(potential.species.size())), strength(potential.repulsion_strength),
      length(potential.repulsion_length), outer(potential.repulsion_outer)
  {
    for (double end : outer) largest = std::max(largest, end * end);
  }

  // Returns the energy (eV) of an atom and adds its gradient by the neighbours' vectors, arguments
  // as in DescriptorModel::values.
  double evaluate(int own, int count, const double *vectors, const double *squares,
                  const int *species, double *by_vector) const
  {
    double energy = 0.0;
    for (int n = 0; n < count; ++n) {
      if (squares[n] >= largest || species[n] < 0) continue;
      const int pair = own * num_species + species[n];
      const double r = std::sqrt(squares[n]);
      if (r >= outer[pair]) continue;
      double slope;
      energy += 0.5 * of_pair(r, pair, slope);
      for (int axis = 0; axis < 3; ++axis) by_vector[3 * n + axis] += 0.5 * slope / r * vectors[3 * n + axis];
    }
    return energy;
  }

 private:
  // Returns E(r), and its derivative.
  double of_pair(double r, int pair, double &slope) const
  {
    static const double weights[4] = {0.18175, 0.50986, 0.28022, 0.02817};
    static const double rates[4] = {3.19980, 0.94229, 0.40290, 0.20162};
    double screen = 0.0, fall = 0.0;
    for (int k = 0; k < 4; ++k) {
      const double term = weights[k] * std::exp(-rates[k] * r / length[pair]);
      screen += term;
      fall -= rates[k] * term / length[pair];
    }
    const double coulomb = strength[pair] / r, half = 0.5 * outer[pair];
    const double t = std::max((r - half) / half, 0.0);
    const double on = 1.0 - t * t * t * (10.0 - 15.0 * t + 6.0 * t * t);
    const double by_on = -30.0 * t * t * (1.0 - t) * (1.0 - t) / half;
    slope = coulomb * ((fall - screen / r) * on + screen * by_on);
    return coulomb * screen * on;
  }

  int num_species;
  std::vector<double> strength, length, outer;
  double largest = 0.0;
};

}    // namespace panna

#endif
