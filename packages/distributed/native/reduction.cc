#include "reduction.h"

#include <cmath>
#include <cstring>

namespace flambeau {
namespace {

uint32_t bitsOf(float x) {
  uint32_t bits;
  std::memcpy(&bits, &x, 4);
  return bits;
}
float floatOf(uint32_t bits) {
  float x;
  std::memcpy(&x, &bits, 4);
  return x;
}

struct Float32 {
  using Stored = float;
  static float read(float x) { return x; }
  static float write(float x) { return x; }
};
struct Float64 {
  using Stored = double;
  static double read(double x) { return x; }
  static double write(double x) { return x; }
};
struct Bfloat16 {
  using Stored = uint16_t;
  static float read(uint16_t bits) { return floatOf(static_cast<uint32_t>(bits) << 16); }
  /** To nearest, halves to even. */
  static uint16_t write(float x) {
    const uint32_t bits = bitsOf(x);
    if ((bits & 0x7fffffff) > 0x7f800000) return static_cast<uint16_t>((bits >> 16) | 0x40);
    return static_cast<uint16_t>((bits + 0x7fff + ((bits >> 16) & 1)) >> 16);
  }
};

struct Float16 {
  using Stored = uint16_t;
  static float read(uint16_t half) {
    const uint32_t sign = static_cast<uint32_t>(half & 0x8000) << 16;
    const uint32_t exponent = (half >> 10) & 0x1f, fraction = half & 0x3ff;
    if (exponent == 31) return floatOf(sign | 0x7f800000 | (fraction << 13));
    if (exponent != 0) return floatOf(sign | ((exponent + 112) << 23) | (fraction << 13));
    const float small = static_cast<float>(fraction) * 0x1p-24f;
    return sign != 0 ? -small : small;
  }
  /** To nearest, halves to even. */
  static uint16_t write(float x) {
    const uint32_t bits = bitsOf(x);
    const uint32_t sign = (bits >> 16) & 0x8000, magnitude = bits & 0x7fffffff;
    if (magnitude > 0x7f800000) return static_cast<uint16_t>(sign | 0x7e00);
    if (magnitude >= 0x477ff000) return static_cast<uint16_t>(sign | 0x7c00);
    // Below 2^-14 the value is a multiple of 2^-24: adding 1/2 lets the float unit round it there.
    if (magnitude < 0x38800000) return static_cast<uint16_t>(sign | (bitsOf(std::fabs(x) + 0.5f) - 0x3f000000));
    return static_cast<uint16_t>(sign | ((magnitude - 0x38000000 + 0xfff + ((magnitude >> 13) & 1)) >> 13));
  }
};

template <Reduction reduction, typename Number>
Number combineOne(Number a, Number b) {
  if (reduction == Reduction::product) return a * b;
  // NaN wins, as everywhere in Flambeau.
  if (reduction == Reduction::minimum) return a < b || std::isnan(a) ? a : b;
  if (reduction == Reduction::maximum) return a > b || std::isnan(a) ? a : b;
  return a + b;
}

template <typename Format, Reduction reduction>
void combine(void* in, void* inout, int* count, void*) {
  using Stored = typename Format::Stored;
  const Stored* from = static_cast<const Stored*>(in);
  Stored* to = static_cast<Stored*>(inout);
  for (int i = 0; i < *count; i++) to[i] = Format::write(combineOne<reduction>(Format::read(from[i]), Format::read(to[i])));
}

template <typename Format>
Combine* choose(Reduction reduction) {
  switch (reduction) {
    case Reduction::product:
      return combine<Format, Reduction::product>;
    case Reduction::minimum:
      return combine<Format, Reduction::minimum>;
    case Reduction::maximum:
      return combine<Format, Reduction::maximum>;
    default:
      return combine<Format, Reduction::sum>;
  }
}

template <typename Format>
void divideAll(void* data, int64_t count, int by) {
  auto* x = static_cast<typename Format::Stored*>(data);
  const auto divisor = static_cast<decltype(Format::read(*x))>(by);
  for (int64_t i = 0; i < count; i++) x[i] = Format::write(Format::read(x[i]) / divisor);
}

}  // namespace

Combine* combineFor(Type type, Reduction reduction) {
  const bool extreme = reduction == Reduction::minimum || reduction == Reduction::maximum;
  switch (type) {
    case Type::float16:
      return choose<Float16>(reduction);
    case Type::bfloat16:
      return choose<Bfloat16>(reduction);
    case Type::float32:
      return extreme ? choose<Float32>(reduction) : nullptr;
    case Type::float64:
      return extreme ? choose<Float64>(reduction) : nullptr;
    default:
      return nullptr;
  }
}

void divide(Type type, void* data, int64_t count, int by) {
  if (type == Type::float32) divideAll<Float32>(data, count, by);
  if (type == Type::float64) divideAll<Float64>(data, count, by);
  if (type == Type::float16) divideAll<Float16>(data, count, by);
  if (type == Type::bfloat16) divideAll<Bfloat16>(data, count, by);
}

}  // namespace flambeau
