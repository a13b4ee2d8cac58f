// The network of one species: atomic energy and its gradient by the descriptor.

#ifndef PANNA_NETWORK_H
#define PANNA_NETWORK_H

#include "panna_potential.h"
#include "panna_simd.h"

#include <algorithm>
#include <cmath>
#include <vector>

namespace panna {

// Values between layers, kept from the forward to the backward pass; one per thread.
template <typename Real> struct NetworkWork {
  std::vector<std::vector<Real>> values, slopes;    // by layer: its input; dy/dz
  std::vector<Real> upper, lower;                  // dE/dy and dE/dx of the present layer
};

// Real is the precision of the arithmetic; the offset is always added in double.
template <typename Real> class NetworkModel {
 public:
  explicit NetworkModel(const Network &network) : offset(network.offset)
  {
    for (const auto &layer : network.layers) layers.emplace_back(layer);
  }

  void prepare(NetworkWork<Real> &work) const
  {
    std::size_t widest = 0;
    work.values.resize(layers.size());
    work.slopes.resize(layers.size());
    for (std::size_t l = 0; l < layers.size(); ++l) {
      if (work.values[l].size() < layers[l].padded_in) work.values[l].resize(layers[l].padded_in);
      if (work.slopes[l].size() < layers[l].padded_out) work.slopes[l].resize(layers[l].padded_out);
      widest = std::max({widest, layers[l].padded_in, layers[l].padded_out});
    }
    if (work.upper.size() < widest) {
      work.upper.resize(widest);
      work.lower.resize(widest);
    }
  }

  // Returns the energy (eV) of a descriptor [D], and its gradient [D].
  double evaluate(const double *descriptor, double *gradient, NetworkWork<Real> &work) const
  {
    prepare(work);
    const int size = layers.front().inputs;
    for (int k = 0; k < size; ++k) work.values[0][k] = Real(descriptor[k]);
    double energy = 0.0;
    for (std::size_t l = 0; l < layers.size(); ++l) {
      const bool last = l + 1 == layers.size();
      Real *out = last ? work.upper.data() : work.values[l + 1].data();
      layers[l].forward(work.values[l].data(), work.slopes[l].data(), out);
      if (last) energy = double(out[0]);
    }
    work.upper[0] = 1;
    for (std::size_t l = layers.size(); l-- > 0;) {
      layers[l].backward(work.values[l].data(), work.slopes[l].data(), work.upper.data(), work.lower.data());
      work.upper.swap(work.lower);
    }
    for (int k = 0; k < size; ++k) gradient[k] = double(work.upper[k]);
    return energy + offset;
  }

 private:
  struct LayerModel {
    int inputs, outputs;
    std::size_t padded_in, padded_out;
    Activation activation;
    std::vector<Real> weights, transposed, biases;    // [inputs, padded_out], [outputs, padded_in]

    explicit LayerModel(const Layer &layer) :
        inputs(layer.inputs), outputs(layer.outputs), padded_in(padded(layer.inputs)),
        padded_out(padded(layer.outputs)), activation(layer.activation), weights(inputs * padded_out),
        transposed(outputs * padded_in), biases(padded_out)
    {
      for (int i = 0; i < inputs; ++i)
        for (int o = 0; o < outputs; ++o)
          weights[i * padded_out + o] = transposed[o * padded_in + i] =
              Real(layer.weights[std::size_t(i) * outputs + o]);
      for (int o = 0; o < outputs; ++o)
        biases[o] = activation == Activation::rbf ? Real(0) : Real(layer.biases[o]);
    }

    static std::size_t padded(int count) { return (std::size_t(count) + BLOCK - 1) / BLOCK * BLOCK; }

    // Fills y and dy/dz; both are padded.
    void forward(const Real *x, Real *slopes, Real *y) const
    {
      if (activation == Activation::rbf)
        distances(x, y);
      else
        product(inputs, padded_out, x, weights.data(), biases.data(), y);
      for (std::size_t o = 0; o < padded_out; o += WIDTH) {
        Vec z, value, slope;
        for (int k = 0; k < WIDTH; ++k) z[k] = y[o + k];
        activate(z, value, slope);
        for (int k = 0; k < WIDTH; ++k) {
          y[o + k] = Real(value[k]);
          slopes[o + k] = Real(slope[k]);
        }
      }
    }

    // Turns dE/dy into dE/dx.
    void backward(const Real *x, const Real *slopes, Real *upper, Real *lower) const
    {
      for (int o = 0; o < outputs; ++o) upper[o] *= slopes[o];
      product(outputs, padded_in, upper, transposed.data(), nullptr, lower);
      if (activation != Activation::rbf) return;
      Real all = 0;
      for (int o = 0; o < outputs; ++o) all += upper[o];
      for (int i = 0; i < inputs; ++i) lower[i] = 2 * (x[i] * all - lower[i]);
    }

    // z_o = sum_i (x_i - W_io)^2
    void distances(const Real *x, Real *z) const
    {
      for (std::size_t o = 0; o < padded_out; ++o) z[o] = 0;
      for (int i = 0; i < inputs; ++i)
        for (int o = 0; o < outputs; ++o) {
          const Real d = x[i] - weights[i * padded_out + o];
          z[o] += d * d;
        }
    }

    void activate(Vec z, Vec &value, Vec &slope) const
    {
      const Vec one = splat(1.0), bounded = -larger(-larger(z, splat(-350.0)), splat(-350.0));
      switch (activation) {
        case Activation::gaussian:
          value = exponential(larger(-z * z, splat(-700.0)));
          slope = -2.0 * z * value;
          return;
        case Activation::rbf:
          value = exponential(larger(-z, splat(-700.0)));
          slope = -value;
          return;
        case Activation::relu:
          value = larger(z, splat(0.0));
          slope = z > 0.0 ? one : splat(0.0);
          return;
        case Activation::tanh:
          for (int k = 0; k < WIDTH; ++k) value[k] = std::tanh(z[k]);
          slope = 1.0 - value * value;
          return;
        case Activation::silu: {
          const Vec s = 1.0 / (1.0 + exponential(-bounded));
          value = z * s;
          slope = s * (1.0 + z * (1.0 - s));
          return;
        }
        case Activation::softplus:
          for (int k = 0; k < WIDTH; ++k) value[k] = std::max(z[k], 0.0) + std::log1p(std::exp(-std::abs(z[k])));
          slope = 1.0 / (1.0 + exponential(-bounded));
          return;
        case Activation::linear: break;
      }
      value = z;
      slope = one;
    }
  };

  // Numbers of one register of 64 bytes, and of the block of outputs that stays in registers.
  static constexpr int LANES = 64 / int(sizeof(Real)), BLOCK = LANES;
  typedef Real Lanes __attribute__((vector_size(64)));

  // z[columns] = start + x[rows] M[rows, columns]; columns is a multiple of BLOCK.
  static void product(int rows, std::size_t columns, const Real *x, const Real *matrix, const Real *start, Real *z)
  {
    std::size_t at = 0;
    for (; at + 4 * LANES <= columns; at += 4 * LANES) block<4>(rows, columns, at, x, matrix, start, z);
    for (; at < columns; at += LANES) block<1>(rows, columns, at, x, matrix, start, z);
  }

  template <int N>
  static void block(int rows, std::size_t columns, std::size_t at, const Real *x, const Real *matrix, const Real *start, Real *z)
  {
    Lanes sums[N];
    for (int k = 0; k < N; ++k) {
      sums[k] = Lanes{};
      if (start) std::memcpy(&sums[k], start + at + k * LANES, sizeof(Lanes));
    }
    for (int row = 0; row < rows; ++row)
      for (int k = 0; k < N; ++k) {
        Lanes m;
        std::memcpy(&m, matrix + row * columns + at + k * LANES, sizeof m);
        sums[k] += x[row] * m;
      }
    for (int k = 0; k < N; ++k) std::memcpy(z + at + k * LANES, &sums[k], sizeof(Lanes));
  }

  double offset;
  std::vector<LayerModel> layers;
};

}    // namespace panna

#endif
