// Sums, products and extremes of packed rows and columns of one type: what a reduction is made of. Sums of float32 run in float32 for a few dozen
// terms at a time and are gathered in float64.
#pragma once
#include "convert.h"
#include "simd.h"

namespace FLAMBEAU_NAMESPACE {

// Of the one file that includes it.
namespace {

enum Reduction { Sum, Prod, Max, Min, Any, All };

/** What values of a type are gathered in. */
template <class T>
struct Wider;
template <>
struct Wider<float> { typedef double Type; };
template <>
struct Wider<double> { typedef double Type; };
template <>
struct Wider<int32_t> { typedef int64_t Type; };
template <>
struct Wider<int64_t> { typedef int64_t Type; };

FLAMBEAU_INLINE double lowest(double*) { return -__builtin_inf(); }
FLAMBEAU_INLINE double highest(double*) { return __builtin_inf(); }
FLAMBEAU_INLINE int64_t lowest(int64_t*) { return INT64_MIN; }
FLAMBEAU_INLINE int64_t highest(int64_t*) { return INT64_MAX; }

template <int R, class A>
FLAMBEAU_INLINE A identity() {
  switch (R) {
    case Prod: case All: return 1;
    case Max: return lowest((A*)nullptr);
    case Min: return highest((A*)nullptr);
    default: return 0;
  }
}

template <int R, class A, class T>
FLAMBEAU_INLINE A combine(A total, T value) {
  switch (R) {
    case Sum: return total + (A)value;
    case Prod: return total * (A)value;
    // NaN wins, and stays.
    case Max: return (A)value > total || value != value ? (A)value : total;
    case Min: return (A)value < total || value != value ? (A)value : total;
    case Any: return total != 0 || value != 0;
    default: return total != 0 && value != 0;
  }
}

/** Reduces packed values. */
template <int R, class T>
struct RowReducer {
  typedef typename Wider<T>::Type A;
  static A run(const T* x, int64_t count) {
    A total = identity<R, A>();
    for (int64_t i = 0; i < count; i++) total = combine<R>(total, x[i]);
    return total;
  }
};

template <>
struct RowReducer<Sum, float> {
  static double run(const float* x, int64_t count) {
    double total = 0;
    int64_t i = 0;
    while (i + W <= count) {
      Vf a = {}, b = {}, c = {}, d = {};
      // At most 16 terms a lane before float64 takes over.
      const int64_t blocks = (count - i) / (4 * W), end = i + (blocks < 16 ? blocks : 16) * 4 * W;
      for (; i < end; i += 4 * W) {
        a += load(x + i);
        b += load(x + i + W);
        c += load(x + i + 2 * W);
        d += load(x + i + 3 * W);
      }
      if (blocks < 16)
        for (; i + W <= count; i += W) a += load(x + i);
      const Vf sum = (a + b) + (c + d);
      // Two lanes each, so that the additions do not wait for one another.
      double even = 0, odd = 0;
      for (int j = 0; j < W; j += 2) {
        even += (double)sum[j];
        odd += (double)sum[j + 1];
      }
      total += even + odd;
    }
    for (; i < count; i++) total += (double)x[i];
    return total;
  }
};
template <>
struct RowReducer<Sum, double> {
  static double run(const double* x, int64_t count) {
    constexpr int lanes = W / 2;
    Vd a = {}, b = {};
    int64_t i = 0;
    for (; i + 2 * lanes <= count; i += 2 * lanes) {
      a += load(x + i);
      b += load(x + i + lanes);
    }
    a += b;
    double total = 0;
    for (int j = 0; j < lanes; j++) total += a[j];
    for (; i < count; i++) total += x[i];
    return total;
  }
};
template <int R>
FLAMBEAU_INLINE double extremeRow(const float* x, int64_t count) {
  int64_t i = 0;
  double total = identity<R, double>();
  if (count >= 2 * W) {
    Vf a = load(x), b = load(x + W);
    for (i = 2 * W; i + 2 * W <= count; i += 2 * W) {
      const Vf p = load(x + i), q = load(x + i + W);
      a = select((R == Max ? p > a : p < a) | (p != p), p, a);
      b = select((R == Max ? q > b : q < b) | (q != q), q, b);
    }
    for (int j = 0; j < W; j++) total = combine<R>(combine<R>(total, a[j]), b[j]);
  }
  for (; i < count; i++) total = combine<R>(total, x[i]);
  return total;
}
template <>
struct RowReducer<Max, float> {
  static double run(const float* x, int64_t count) { return extremeRow<Max>(x, count); }
};
template <>
struct RowReducer<Min, float> {
  static double run(const float* x, int64_t count) { return extremeRow<Min>(x, count); }
};

/** total[c] ∘= x[r][c] for all r. */
template <int R, class T>
void reduceColumns(typename Wider<T>::Type* total, const T* x, int64_t rowStride, int64_t rows, int64_t columns) {
  for (int64_t r = 0; r < rows; r++) {
    const T* row = x + r * rowStride;
#if defined(__wasm__)
    // Of the many loops only sums of floats get vectors there.
    FLAMBEAU_SCALAR
#else
    FLAMBEAU_INDEPENDENT
#endif
    for (int64_t c = 0; c < columns; c++) total[c] = combine<R>(total[c], row[c]);
  }
}

constexpr int64_t chunk = 512;

/** Sums of columns: 16 rows in float32, which are then added to the totals. Columns are at most a chunk. */
template <>
void reduceColumns<Sum, float>(double* total, const float* x, int64_t rowStride, int64_t rows, int64_t columns) {
  alignas(64) float sums[chunk];
  for (int64_t first = 0; first < rows; first += 16) {
    const int64_t some = rows - first < 16 ? rows - first : 16;
    const float* from = x + first * rowStride;
    int64_t c = 0;
    for (; c + 2 * W <= columns; c += 2 * W) {
      Vf a = load(from + c), b = load(from + c + W);
      for (int64_t r = 1; r < some; r++) {
        a += load(from + r * rowStride + c);
        b += load(from + r * rowStride + c + W);
      }
      store(sums + c, a);
      store(sums + c + W, b);
    }
    for (; c < columns; c++) {
      sums[c] = from[c];
      for (int64_t r = 1; r < some; r++) sums[c] += from[r * rowStride + c];
    }
    FLAMBEAU_INDEPENDENT
    for (c = 0; c < columns; c++) total[c] += (double)sums[c];
  }
}

/** What gathers rows and columns of one type, for one reduction. Totals are 8 bytes: a double or an int64. */
struct Reducer {
  /** Combines packed values into a total. */
  void (*row)(void* total, const void* x, int64_t count);
  /** Combines rows of packed values into as many totals as there are columns. */
  void (*columns)(void* totals, const void* x, int64_t rowStride, int64_t rows, int64_t columns);
};

template <int R, class T>
void rowInto(void* total, const void* x, int64_t count) {
  typedef typename Wider<T>::Type A;
  *(A*)total = combine<R>(*(A*)total, RowReducer<R, T>::run((const T*)x, count));
}
template <int R, class T>
void columnsInto(void* totals, const void* x, int64_t rowStride, int64_t rows, int64_t columns) {
  reduceColumns<R, T>((typename Wider<T>::Type*)totals, (const T*)x, rowStride, rows, columns);
}

#define OF_TYPE(R) {{rowInto<R, float>, columnsInto<R, float>}, {rowInto<R, double>, columnsInto<R, double>}, \
                    {rowInto<R, int32_t>, columnsInto<R, int32_t>}, {rowInto<R, int64_t>, columnsInto<R, int64_t>}}
/** By reduction and Compute. */
const Reducer reducers[6][4] = {OF_TYPE(Sum), OF_TYPE(Prod), OF_TYPE(Max), OF_TYPE(Min), OF_TYPE(Any), OF_TYPE(All)};

/** What a total begins with. */
int64_t startOf(int reduction, bool floats) {
  if (!floats) return reduction == Prod || reduction == All ? 1 : reduction == Max ? INT64_MIN : reduction == Min ? INT64_MAX : 0;
  const double start = reduction == Prod || reduction == All ? 1 : reduction == Max ? -__builtin_inf() : reduction == Min ? __builtin_inf() : 0;
  int64_t bits;
  memcpy(&bits, &start, 8);
  return bits;
}

}  // namespace

}  // namespace FLAMBEAU_NAMESPACE
