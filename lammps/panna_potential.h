// A potential as its files describe it: descriptor, and one network per species.

#ifndef PANNA_POTENTIAL_H
#define PANNA_POTENTIAL_H

#include <functional>
#include <stdexcept>
#include <string>
#include <vector>

namespace panna {

// A mistake in a file, in words for the user.
class FileError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

enum class Activation { linear = 0, gaussian = 1, rbf = 2, relu = 3, tanh = 4, silu = 5, softplus = 6 };

// y = activation(x W + b); of rbf y_j = exp(-sum_i (x_i - W_ij)^2), without b.
struct Layer {
  int inputs = 0, outputs = 0;
  Activation activation = Activation::linear;
  std::vector<double> weights;    // [inputs, outputs]
  std::vector<double> biases;     // [outputs]
};

struct Network {
  std::vector<Layer> layers;
  double offset = 0.0;    // eV
  // Smallest and largest value of each descriptor component in training; empty: not known.
  std::vector<double> low, high;
};

enum class DescriptorKind { mbp, bp };

// Lengths in angstrom, angles in radians. For mBP there is one eta per centre and one zeta per
// angle; for BP the radial part has one entry per (eta, centre), the angular one entry per eta and
// one zeta for each pair of angles lambda = +1, -1.
struct Descriptor {
  DescriptorKind kind = DescriptorKind::mbp;
  double cutoff_radial = 0.0, cutoff_angular = 0.0;
  std::vector<double> radial_centers, radial_eta;
  std::vector<double> angular_centers, angular_eta;
  std::vector<double> thetas, zeta;
  double smoothing = 0.0;        // eps of the angle, 0.01 for variant C
  bool pairs_twice = false;      // variant A counts pairs of one species twice

  int num_radial() const { return int(radial_centers.size()); }
  int num_shells() const { return int(angular_eta.size()); }
  int num_angles() const
  {
    return kind == DescriptorKind::mbp ? int(thetas.size()) : 2 * int(zeta.size());
  }
  int size(int species) const
  {
    return species * num_radial() + species * (species + 1) / 2 * num_shells() * num_angles();
  }
};

struct Potential {
  std::string source;
  std::vector<std::string> species;
  Descriptor descriptor;
  std::vector<Network> networks;    // one per species
  // Short-range repulsion of each pair of species [species, species], empty without one: k Z_i Z_j
  // (eV angstrom), the screening length, and where it ends (angstrom).
  std::vector<double> repulsion_strength, repulsion_length, repulsion_outer;
};

// Returns the bytes of a file; throws FileError where it cannot be read.
using Reader = std::function<std::string(const std::string &path)>;

// Reads a potential of PANNA (`panna.in` with its weights files) or of panna_exp (`.panna`).
// Throws FileError with file, line, what was found and what was expected.
Potential read_potential(const std::string &path, const Reader &read);

}    // namespace panna

#endif
