// Vectors of eight doubles and the elementary functions that the descriptors need.
//
// Written with the vector extensions of GCC and Clang, so that one source serves every instruction
// set: the compiler maps a vector to one, two or four registers.

#ifndef PANNA_SIMD_H
#define PANNA_SIMD_H

#include <cmath>
#include <cstdint>
#include <cstring>

namespace panna {

constexpr int WIDTH = 8;

typedef double Vec __attribute__((vector_size(8 * WIDTH)));
typedef std::int64_t IVec __attribute__((vector_size(8 * WIDTH)));

inline Vec load(const double *p)
{
  Vec v;
  std::memcpy(&v, p, sizeof v);
  return v;
}

inline void store(double *p, Vec v) { std::memcpy(p, &v, sizeof v); }

inline Vec splat(double x) { return Vec{x, x, x, x, x, x, x, x}; }

inline double sum(Vec v)
{
  return ((v[0] + v[4]) + (v[1] + v[5])) + ((v[2] + v[6]) + (v[3] + v[7]));
}

inline Vec larger(Vec a, Vec b) { return a > b ? a : b; }

inline Vec root(Vec v)
{
  for (int k = 0; k < WIDTH; ++k) v[k] = std::sqrt(v[k]);
  return v;
}

// 1 / sqrt(v) for v above 0, to round-off: a first guess by halving the exponent, then Newton's
// method. Several times faster than a division and a square root.
inline Vec inverse_root(Vec v)
{
  IVec bits;
  std::memcpy(&bits, &v, sizeof bits);
  bits = 0x5fe6eb50c7b537a9 - (bits >> 1);
  Vec y;
  std::memcpy(&y, &bits, sizeof y);
  const Vec half = 0.5 * v;
  for (int k = 0; k < 4; ++k) y = y * (1.5 - half * y * y);
  return y;
}

// 1 for the first `count` lanes, 0 for the others.
inline Vec lanes(int count)
{
  const IVec index = {0, 1, 2, 3, 4, 5, 6, 7};
  const IVec limit = IVec{} + count;
  return index < limit ? splat(1.0) : splat(0.0);
}

// exp(x) for -700 < x < 700: x = n ln 2 + r with |r| <= ln(2) / 2, then Taylor's series of exp(r),
// whose first term left out is below 1e-17.
inline Vec exponential(Vec x)
{
  const double shift = 6755399441055744.0;    // 1.5 * 2^52: adding it rounds to a whole number
  const Vec moved = x * 1.4426950408889634 + shift;
  const Vec n = moved - shift;
  Vec r = x - n * 0.693147180369123816490;
  r = r - n * 1.90821492927058770002e-10;
  Vec p = splat(1.0 / 6227020800.0);
  p = p * r + 1.0 / 479001600.0;
  p = p * r + 1.0 / 39916800.0;
  p = p * r + 1.0 / 3628800.0;
  p = p * r + 1.0 / 362880.0;
  p = p * r + 1.0 / 40320.0;
  p = p * r + 1.0 / 5040.0;
  p = p * r + 1.0 / 720.0;
  p = p * r + 1.0 / 120.0;
  p = p * r + 1.0 / 24.0;
  p = p * r + 1.0 / 6.0;
  p = p * r + 0.5;
  p = p * r + 1.0;
  p = p * r + 1.0;
  IVec bits;
  std::memcpy(&bits, &moved, sizeof bits);
  const IVec power = (bits + 1023) << 52;    // the low bits of `moved` hold n
  Vec scale;
  std::memcpy(&scale, &power, sizeof scale);
  return p * scale;
}

inline Vec logarithm(Vec x)
{
  for (int k = 0; k < WIDTH; ++k) x[k] = std::log(x[k]);
  return x;
}

// sin(x) and cos(x) for |x| <= pi / 2, by Taylor's series to round-off.
inline void sine_cosine(Vec x, Vec &sine, Vec &cosine)
{
  const Vec s = x * x;
  Vec p = splat(1.0 / 51090942171709440000.0);
  p = p * -s + 1.0 / 121645100408832000.0;
  p = p * -s + 1.0 / 355687428096000.0;
  p = p * -s + 1.0 / 1307674368000.0;
  p = p * -s + 1.0 / 6227020800.0;
  p = p * -s + 1.0 / 39916800.0;
  p = p * -s + 1.0 / 362880.0;
  p = p * -s + 1.0 / 5040.0;
  p = p * -s + 1.0 / 120.0;
  p = p * -s + 1.0 / 6.0;
  p = p * -s + 1.0;
  sine = p * x;
  Vec q = splat(1.0 / 1124000727777607680000.0);
  q = q * -s + 1.0 / 2432902008176640000.0;
  q = q * -s + 1.0 / 6402373705728000.0;
  q = q * -s + 1.0 / 20922789888000.0;
  q = q * -s + 1.0 / 87178291200.0;
  q = q * -s + 1.0 / 479001600.0;
  q = q * -s + 1.0 / 3628800.0;
  q = q * -s + 1.0 / 40320.0;
  q = q * -s + 1.0 / 720.0;
  q = q * -s + 1.0 / 24.0;
  q = q * -s + 0.5;
  q = q * -s + 1.0;
  cosine = q;
}

}    // namespace panna

#endif
