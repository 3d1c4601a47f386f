// Elementwise functions of two operands.
#include "../elementwise.h"

namespace FLAMBEAU_NAMESPACE {

namespace {

#define VALUE(name, ...) \
  struct name {          \
    template <class T>   \
    FLAMBEAU_INLINE T apply(T a, T b) __VA_ARGS__ \
  };

// clang-format off
VALUE(Add, { return a + b; })
VALUE(Sub, { return a - b; })
VALUE(Mul, { return a * b; })
VALUE(Div, { return a / b; })
VALUE(BitAnd, { return a & b; })
VALUE(BitOr, { return a | b; })
VALUE(BitXor, { return a ^ b; })
// NaN where either is NaN. Of +0 and -0 the maximum is +0 and the minimum -0, as Math.max and Math.min have it.
struct Maximum {
  FLAMBEAU_INLINE int32_t apply(int32_t a, int32_t b) { return a > b ? a : b; }
  FLAMBEAU_INLINE int64_t apply(int64_t a, int64_t b) { return a > b ? a : b; }
  template <class T>
  FLAMBEAU_INLINE T apply(T a, T b) { return a != a || b != b ? a + b : a == 0 && b == 0 ? a + b : a > b ? a : b; }
};
struct Minimum {
  FLAMBEAU_INLINE int32_t apply(int32_t a, int32_t b) { return a < b ? a : b; }
  FLAMBEAU_INLINE int64_t apply(int64_t a, int64_t b) { return a < b ? a : b; }
  template <class T>
  FLAMBEAU_INLINE T apply(T a, T b) { return a != a || b != b ? a + b : a == 0 && b == 0 ? -(-a - b) : a < b ? a : b; }
};
// clang-format on

template <class Op, class T>
void valueRow(const void* left, const void* right, const void*, void* result, int64_t count) {
  const T* a = (const T*)left;
  const T* b = (const T*)right;
  T* out = (T*)result;
  FLAMBEAU_ROW(T, count, out[i] = Op::apply(a[i], b[i]))
}

#define FLAG(name, expression) \
  struct name {                \
    template <class T>         \
    FLAMBEAU_INLINE uint8_t apply(T a, T b) { return expression; } \
  };
FLAG(Eq, a == b)
FLAG(Ne, a != b)
FLAG(Lt, a < b)
FLAG(Le, a <= b)
FLAG(Gt, a > b)
FLAG(Ge, a >= b)
FLAG(And, (a != 0) & (b != 0))
FLAG(Or, (a != 0) | (b != 0))
FLAG(Xor, (a != 0) ^ (b != 0))

template <class Op, class T>
void flagRow(const void* left, const void* right, const void*, void* result, int64_t count) {
  const T* a = (const T*)left;
  const T* b = (const T*)right;
  uint8_t* out = (uint8_t*)result;
  FLAMBEAU_ROW(T, count, out[i] = Op::apply(a[i], b[i]))
}

// Integer division: the divisor was checked, and the smallest integer over -1 wraps.
struct FloorDivide {
  template <class T>
  FLAMBEAU_INLINE T apply(T a, T b) {
    if (b == -1) return -a;
    const T quotient = a / b;
    return quotient * b != a && (a < 0) != (b < 0) ? quotient - 1 : quotient;
  }
};
struct TruncDivide {
  template <class T>
  FLAMBEAU_INLINE T apply(T a, T b) { return b == -1 ? -a : a / b; }
};
struct Remainder {
  template <class T>
  FLAMBEAU_INLINE T apply(T a, T b) {
    if (b == -1) return 0;
    const T rest = a % b;
    return rest != 0 && (rest < 0) != (b < 0) ? rest + b : rest;
  }
};
struct Fmod {
  template <class T>
  FLAMBEAU_INLINE T apply(T a, T b) { return b == -1 ? 0 : a % b; }
};
struct IntegerPow {
  template <class T>
  FLAMBEAU_INLINE T apply(T a, T b) {
    if (b < 0) return a == 1 ? 1 : a == -1 ? (b % 2 == 0 ? 1 : -1) : 0;
    T result = 1;
    for (T factor = a; b > 0; b >>= 1, factor *= factor)
      if (b & 1) result *= factor;
    return result;
  }
};
struct ShiftLeft {
  template <class T>
  FLAMBEAU_INLINE T apply(T a, T b) { return b < 0 || b >= (T)(sizeof(T) * 8) ? 0 : a << b; }
};
struct ShiftRight {
  template <class T>
  FLAMBEAU_INLINE T apply(T a, T b) { return b < 0 || b >= (T)(sizeof(T) * 8) ? (a < 0 ? -1 : 0) : a >> b; }
};

// Floats, element by element in float64.
FLAMBEAU_INLINE double cleanFmod(double a, double b) {
  // C's fmod(finite, infinite) is a, as wanted; JavaScript's % too.
  return fmod(a, b);
}
FLAMBEAU_INLINE double floatRemainder(double a, double b) {
  const double rest = cleanFmod(a, b);
  return rest != 0 && (rest < 0) != (b < 0) ? rest + b : rest;
}
FLAMBEAU_INLINE double floatFloorDivide(double a, double b) {
  if (b == 0) return a / b;
  const double modulus = cleanFmod(a, b);
  double quotient = (a - modulus) / b;
  if (modulus != 0 && (b < 0) != (modulus < 0)) quotient -= 1;
  if (quotient == 0) return a / b < 0 ? -0.0 : 0.0;
  const double below = __builtin_floor(quotient);
  return quotient - below > 0.5 ? below + 1 : below;
}
FLAMBEAU_INLINE double floatPow(double a, double b) {
  if (a == 1 || b == 0) return 1;
  if (a == -1 && b - b != 0 && b == b) return 1;
  if (b == 2) return a * a;
  return pow(a, b);
}
FLAMBEAU_INLINE double truncDivideFloat(double a, double b) { return __builtin_trunc(a / b); }
FLAMBEAU_INLINE double angle(double a, double b) { return atan2(a, b); }
FLAMBEAU_INLINE double copySign(double a, double b) { return __builtin_copysign(a, b); }

template <double (*f)(double, double), class T>
void floatRow(const void* left, const void* right, const void*, void* result, int64_t count) {
  const T* a = (const T*)left;
  const T* b = (const T*)right;
  T* out = (T*)result;
  for (int64_t i = 0; i < count; i++) out[i] = (T)f(a[i], b[i]);
}
// Truncating a float32 quotient must round it to float32 first, or 0.99999999 would count as less than 1.
void truncDivideRow(const void* left, const void* right, const void*, void* result, int64_t count) {
  const float* a = (const float*)left;
  const float* b = (const float*)right;
  float* out = (float*)result;
  for (int64_t i = 0; i < count; i++) out[i] = (float)__builtin_trunc((double)a[i] / (double)b[i]);
}

/** The next float (of the integer type's width) after a towards b. */
template <class T, class Bits>
void nextRow(const void* left, const void* right, const void*, void* result, int64_t count) {
  const T* a = (const T*)left;
  const T* b = (const T*)right;
  T* out = (T*)result;
  for (int64_t i = 0; i < count; i++) {
    const T from = a[i], to = b[i];
    T next;
    if (from != from || to != to) next = from + to;
    else if (from == to) next = to;
    else {
      Bits word;
      memcpy(&word, &from, sizeof word);
      if (from == 0) word = to > 0 ? 1 : (Bits)1 | ((Bits)1 << (sizeof(Bits) * 8 - 1));
      else word += (from < to) == (from > 0) ? 1 : -1;
      memcpy(&next, &word, sizeof next);
    }
    out[i] = next;
  }
}

struct Row {
  RowFunction of[4];  // by Compute: F, D, I, L; nullptr where the op computes in D
  bool flag;
  bool divides;
};

#define ARITHMETIC(op) {{valueRow<op, float>, valueRow<op, double>, valueRow<op, int32_t>, valueRow<op, int64_t>}, false, false}
#define COMPARISON(op) {{flagRow<op, float>, flagRow<op, double>, flagRow<op, int32_t>, flagRow<op, int64_t>}, true, false}
#define INTEGERS(op) {{nullptr, nullptr, valueRow<op, int32_t>, valueRow<op, int64_t>}, false, false}
#define DIVISION(op, f) {{floatRow<f, float>, floatRow<f, double>, valueRow<op, int32_t>, valueRow<op, int64_t>}, false, true}

/** In the order of core's binaryNames. */
const Row rows[] = {
    ARITHMETIC(Add),
    ARITHMETIC(Sub),
    ARITHMETIC(Mul),
    {{valueRow<Div, float>, valueRow<Div, double>, nullptr, nullptr}, false, false},
    DIVISION(FloorDivide, floatFloorDivide),
    {{truncDivideRow, floatRow<truncDivideFloat, double>, valueRow<TruncDivide, int32_t>, valueRow<TruncDivide, int64_t>}, false, true},
    DIVISION(Remainder, floatRemainder),
    DIVISION(Fmod, cleanFmod),
    {{floatRow<floatPow, float>, floatRow<floatPow, double>, valueRow<IntegerPow, int32_t>, valueRow<IntegerPow, int64_t>}, false, false},
    ARITHMETIC(Maximum),
    ARITHMETIC(Minimum),
    {{floatRow<angle, float>, floatRow<angle, double>, nullptr, nullptr}, false, false},
    {{floatRow<copySign, float>, floatRow<copySign, double>, nullptr, nullptr}, false, false},
    {{nextRow<float, int32_t>, nextRow<double, int64_t>, nullptr, nullptr}, false, false},
    COMPARISON(Eq),
    COMPARISON(Ne),
    COMPARISON(Lt),
    COMPARISON(Le),
    COMPARISON(Gt),
    COMPARISON(Ge),
    COMPARISON(And),
    COMPARISON(Or),
    COMPARISON(Xor),
    INTEGERS(BitAnd),
    INTEGERS(BitOr),
    INTEGERS(BitXor),
    INTEGERS(ShiftLeft),
    INTEGERS(ShiftRight),
};

/** True when an operand of integers has a zero. */
bool hasZero(const Loop<3>& loop, const Side& side, int operand) {
  if (loop.count == 0) return false;
  const int64_t columns = loop.shape[loop.rank - 1];
  const int64_t stride = loop.strides[operand][loop.rank - 1];
  const int64_t length = stride == 0 ? 1 : columns;
  Odometer<3> outer(loop, loop.rank - 1);
  const int size = elementSize(side.dtype);
  do {
    int64_t values[64];
    for (int64_t c = 0; c < length; c += 64) {
      const int64_t n = length - c < 64 ? length - c : 64;
      loadBlock(side.dtype, L, side.base + (outer.offset[operand] + c * stride) * size, 0, stride, 1, n, values);
      for (int64_t i = 0; i < n; i++)
        if (values[i] == 0) return true;
    }
  } while (outer.next());
  return false;
}

}  // namespace

/** Command: op, compute (-1: by the dtypes), dtypes and addresses of out, a and b, rank, shape, strides of out, a and b. */
int binary(const double* command, ErrorSlot& slot) {
  Reader read(command);
  const Row& row = rows[read.integer()];
  int compute = (int)read.integer();
  Side sides[3];
  for (Side& side : sides) {
    side.dtype = (int)read.integer();
    side.base = read.pointer<char>();
  }
  Loop<3> loop;
  readLoop(read, loop);
  if (row.divides && (compute == I || compute == L) && hasZero(loop, sides[2], 2)) return divisionByZero;
  if (row.of[compute] == nullptr) compute = D;
  if (row.of[compute] == nullptr) return notImplemented;
  sides[0].packed = row.flag ? bytes : compute;
  sides[1].packed = compute;
  sides[2].packed = compute;
  runElementwise<2>(slot, row.of[compute], loop, sides);
  return ok;
}

// select rows: out = condition ? a : b
namespace {
template <class T>
void whereRow(const void* a, const void* b, const void* condition, void* result, int64_t count) {
  const T* p = (const T*)a;
  const T* q = (const T*)b;
  const uint8_t* flags = (const uint8_t*)condition;
  T* out = (T*)result;
  FLAMBEAU_INDEPENDENT
  for (int64_t i = 0; i < count; i++) out[i] = flags[i] ? p[i] : q[i];
}
}  // namespace

/** Command: compute, dtypes and addresses of out, a, b and the condition (bool), rank, shape, strides of the four. */
int where(const double* command, ErrorSlot& slot) {
  Reader read(command);
  const int compute = (int)read.integer();
  Side sides[4];
  for (Side& side : sides) {
    side.dtype = (int)read.integer();
    side.base = read.pointer<char>();
    side.packed = compute;
  }
  Loop<4> loop;
  readLoop(read, loop);
  sides[3].packed = bytes;
  runElementwise<3>(slot, computeSize(compute) == 4 ? whereRow<int32_t> : whereRow<int64_t>, loop, sides);
  return ok;
}

}  // namespace FLAMBEAU_NAMESPACE
