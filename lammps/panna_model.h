// A potential that is ready to compute: energy of an atom and its gradient by its neighbours.

#ifndef PANNA_MODEL_H
#define PANNA_MODEL_H

#include "panna_descriptor.h"
#include "panna_network.h"
#include "panna_potential.h"
#include "panna_repulsion.h"

#include <algorithm>
#include <vector>

namespace panna {

// What one thread works with.
struct Work {
  DescriptorWork descriptor;
  NetworkWork<double> network;
  NetworkWork<float> network_single;
  std::vector<double> values, weights;    // [D] G and dE/dG
};

class Model {
 public:
  Model(const Potential &potential, bool single_precision) :
      source(potential.source), species(potential.species), single(single_precision),
      descriptor(potential.descriptor, int(potential.species.size())), repulsion(potential)
  {
    for (const auto &network : potential.networks) {
      if (single)
        networks_single.emplace_back(network);
      else
        networks.emplace_back(network);
      low.push_back(network.low);
      high.push_back(network.high);
    }
  }

  // Returns the energy (eV) of an atom and adds its gradient [count, 3] by the neighbours' vectors
  // (eV/angstrom); neighbours as in DescriptorModel::values.
  double evaluate(int own, int count, const double *vectors, const double *squares, const int *neighbor_species,
                  double *by_vector, Work &work) const
  {
    const std::size_t size = std::size_t(descriptor.size());
    if (work.values.size() < size) {
      work.values.resize(size);
      work.weights.resize(size);
    }
    descriptor.values(count, vectors, squares, neighbor_species, work.values.data(), work.descriptor);
    double energy = single
        ? networks_single[own].evaluate(work.values.data(), work.weights.data(), work.network_single)
        : networks[own].evaluate(work.values.data(), work.weights.data(), work.network);
    descriptor.gradient(work.weights.data(), by_vector, work.descriptor);
    energy += repulsion.evaluate(own, count, vectors, squares, neighbor_species, by_vector);
    return energy;
  }

  // How far the atom just evaluated lies outside the training set: its worst component, in widths
  // of that component's range; 0 inside, and where the ranges are not known.
  double outside(int own, const Work &work) const
  {
    if (low[own].empty()) return 0.0;
    double widest = 0.0, worst = 0.0;
    const int size = descriptor.size();
    for (int k = 0; k < size; ++k) widest = std::max(widest, high[own][k] - low[own][k]);
    for (int k = 0; k < size; ++k) {
      const double width = std::max({high[own][k] - low[own][k], 1e-3 * widest, 1e-8});
      const double allowed = 1e-5 * std::max(std::abs(low[own][k]), std::abs(high[own][k])) + 1e-8;
      const double beyond = std::max(low[own][k] - work.values[k], work.values[k] - high[own][k]);
      if (beyond > allowed) worst = std::max(worst, beyond / width);
    }
    return worst;
  }

  bool knows_ranges() const
  {
    return std::any_of(low.begin(), low.end(), [](const auto &values) { return !values.empty(); });
  }

  double cutoff() const { return descriptor.cutoff(); }

  const std::string source;
  const std::vector<std::string> species;

 private:
  bool single;
  DescriptorModel descriptor;
  Repulsion repulsion;
  std::vector<NetworkModel<double>> networks;
  std::vector<NetworkModel<float>> networks_single;
  std::vector<std::vector<double>> low, high;
};

}    // namespace panna

#endif
