// Elementwise functions of one operand.
#include "../elementwise.h"
#include "../vectorMath.h"

namespace FLAMBEAU_NAMESPACE {

namespace {

#define SIMPLE(name, ...)  \
  struct name {            \
    template <class T>     \
    FLAMBEAU_INLINE T apply(T x) __VA_ARGS__ \
  };
SIMPLE(Neg, { return -x; })
SIMPLE(Square, { return x * x; })
SIMPLE(Same, { return x; })
SIMPLE(BitNot, { return ~x; })
SIMPLE(Reciprocal, { return 1 / x; })
SIMPLE(Relu, { return x > 0 || x != x ? x : 0; })
SIMPLE(Sign, { return x > 0 ? 1 : x < 0 ? -1 : x; })

struct Abs {
  FLAMBEAU_INLINE float apply(float x) { return __builtin_fabsf(x); }
  FLAMBEAU_INLINE double apply(double x) { return __builtin_fabs(x); }
  FLAMBEAU_INLINE int32_t apply(int32_t x) { return x < 0 ? -x : x; }
  FLAMBEAU_INLINE int64_t apply(int64_t x) { return x < 0 ? -x : x; }
};
#define ROUNDING(name, function)                                              \
  struct name {                                                               \
    FLAMBEAU_INLINE float apply(float x) { return __builtin_##function##f(x); } \
    FLAMBEAU_INLINE double apply(double x) { return __builtin_##function(x); }  \
  };
ROUNDING(Ceil, ceil)
ROUNDING(Floor, floor)
ROUNDING(Trunc, trunc)
ROUNDING(Round, rint)
ROUNDING(Sqrt, sqrt)
struct Rsqrt {
  FLAMBEAU_INLINE float apply(float x) { return (float)(1 / __builtin_sqrt((double)x)); }
  FLAMBEAU_INLINE double apply(double x) { return 1 / __builtin_sqrt(x); }
};

template <class Op, class T>
void simpleRow(const void* input, const void*, const void*, void* result, int64_t count) {
  const T* x = (const T*)input;
  T* out = (T*)result;
  FLAMBEAU_ROW(T, count, out[i] = Op::apply(x[i]))
}

struct IsNaN {
  template <class T>
  FLAMBEAU_INLINE uint8_t apply(T x) { return x != x; }
};
struct IsInf {
  template <class T>
  FLAMBEAU_INLINE uint8_t apply(T x) { return x - x != 0 && x == x; }
};
struct Not {
  template <class T>
  FLAMBEAU_INLINE uint8_t apply(T x) { return x == 0; }
};
struct SignBit {
  FLAMBEAU_INLINE uint8_t apply(float x) { return __builtin_signbit(x) != 0 && x == x; }
  FLAMBEAU_INLINE uint8_t apply(double x) { return __builtin_signbit(x) != 0 && x == x; }
  FLAMBEAU_INLINE uint8_t apply(int32_t x) { return x < 0; }
  FLAMBEAU_INLINE uint8_t apply(int64_t x) { return x < 0; }
};
template <class Op, class T>
void flagRow(const void* input, const void*, const void*, void* result, int64_t count) {
  const T* x = (const T*)input;
  uint8_t* out = (uint8_t*)result;
  FLAMBEAU_ROW(T, count, out[i] = Op::apply(x[i]))
}

/** A function of float64, also for float32 values. */
template <double (*f)(double), class T>
void scalarRow(const void* input, const void*, const void*, void* result, int64_t count) {
  const T* x = (const T*)input;
  T* out = (T*)result;
  for (int64_t i = 0; i < count; i++) out[i] = (T)f(x[i]);
}

/** A function of a vector of float32. */
template <Vf (*f)(Vf)>
void vectorLoop(const float* x, const float*, float* out, int64_t count) {
  for (int64_t i = 0; i < count; i += W) store(out + i, f(load(x + i)));
}
template <Vf (*f)(Vf)>
void vectorRow(const void* input, const void*, const void*, void* result, int64_t count) {
  const float* x = (const float*)input;
  runVectors(vectorLoop<f>, x, x, (float*)result, count);
}

double sigmoid64(double x) {
  const double e = exp(-__builtin_fabs(x));
  return (x < 0 ? e : 1) / (1 + e);
}

struct Row {
  RowFunction of[4];  // by Compute: F, D, I, L; nullptr where the op computes in D
  bool flag;
};
#define NUMBERS(op) {{simpleRow<op, float>, simpleRow<op, double>, simpleRow<op, int32_t>, simpleRow<op, int64_t>}, false}
#define ROUNDED(op) {{simpleRow<op, float>, simpleRow<op, double>, simpleRow<Same, int32_t>, simpleRow<Same, int64_t>}, false}
#define FLOATS(op) {{simpleRow<op, float>, simpleRow<op, double>, nullptr, nullptr}, false}
#define FLAGS(op) {{flagRow<op, float>, flagRow<op, double>, flagRow<op, int32_t>, flagRow<op, int64_t>}, true}
#define SCALAR(f) {{scalarRow<f, float>, scalarRow<f, double>, nullptr, nullptr}, false}
#define VECTOR(v, f) {{vectorRow<v>, scalarRow<f, double>, nullptr, nullptr}, false}

/** In the order of core's unaryNames. */
const Row rows[] = {
    NUMBERS(Neg), NUMBERS(Abs), NUMBERS(Sign), ROUNDED(Ceil), ROUNDED(Floor), ROUNDED(Round), ROUNDED(Trunc), FLOATS(Sqrt), FLOATS(Rsqrt),
    FLOATS(Reciprocal), NUMBERS(Square), VECTOR(vexp, exp), SCALAR(exp2), VECTOR(vexpm1, expm1), VECTOR(vlog, log), SCALAR(log2), SCALAR(log10),
    VECTOR(vlog1p, log1p), VECTOR(vsin, sin), VECTOR(vcos, cos), SCALAR(tan), SCALAR(asin), SCALAR(acos), SCALAR(atan), SCALAR(sinh), SCALAR(cosh),
    VECTOR(vtanh, tanh), SCALAR(asinh), SCALAR(acosh), SCALAR(atanh), VECTOR(vsigmoid, sigmoid64), NUMBERS(Relu), VECTOR(verf, errorFunction),
    SCALAR(complementaryErrorFunction), FLAGS(IsNaN), FLAGS(IsInf), FLAGS(Not), {{nullptr, nullptr, simpleRow<BitNot, int32_t>, simpleRow<BitNot, int64_t>}, false},
    FLAGS(SignBit),
};

}  // namespace

/** Command: op, compute, dtypes and addresses of out and x, rank, shape, strides of out and x. */
int unary(const double* command, ErrorSlot& slot) {
  Reader read(command);
  const Row& row = rows[read.integer()];
  int compute = (int)read.integer();
  Side sides[2];
  for (Side& side : sides) {
    side.dtype = (int)read.integer();
    side.base = read.pointer<char>();
  }
  Loop<2> loop;
  readLoop(read, loop);
  if (row.of[compute] == nullptr) compute = D;
  if (row.of[compute] == nullptr) return notImplemented;
  sides[0].packed = row.flag ? bytes : compute;
  sides[1].packed = compute;
  runElementwise<1>(slot, row.of[compute], loop, sides);
  return ok;
}

}  // namespace FLAMBEAU_NAMESPACE
