// Sums, products and extremes over dimensions. Sums of float32 run in float32 for a few dozen terms at a time and are gathered in float64.
#include "../convert.h"
#include "../nd.h"
#include "../parallel.h"
#include "../simd.h"

namespace FLAMBEAU_NAMESPACE {

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

struct Job {
  int xDType, outDType, compute;
  char *x, *out;
  Loop<2> kept;     // out, x
  Loop<1> reduced;  // x
};

FLAMBEAU_INLINE int64_t magnitude(int64_t x) { return x < 0 ? -x : x; }

/** Reduces one run of elements into a total. */
FLAMBEAU_INLINE void gatherRow(const Job& job, const Reducer& reducer, int64_t* total, const char* from, int64_t stride, int64_t count, bool native,
                               char* buffer) {
  if (native && stride == 1) return reducer.row(total, from, count);
  const int size = elementSize(job.xDType);
  for (int64_t r = 0; r < count; r += chunk) {
    const int64_t n = count - r < chunk ? count - r : chunk;
    loadBlock(job.xDType, job.compute, from + r * stride * size, 0, stride, 1, n, buffer);
    reducer.row(total, buffer, n);
  }
}

/** Reduces several dimensions into a total. */
FLAMBEAU_NOINLINE void gatherRows(const Job& job, const Reducer& reducer, int64_t* total, const char* from, bool native, char* buffer) {
  const Loop<1>& reduced = job.reduced;
  if (reduced.count == 0) return;
  const int last = reduced.rank - 1, size = elementSize(job.xDType);
  Odometer<1> inner(reduced, last);
  do {
    gatherRow(job, reducer, total, from + inner.offset[0] * size, reduced.strides[0][last], reduced.shape[last], native, buffer);
  } while (inner.next());
}

/** Elements of a run that are gathered into a total of their own, where a run is long; threads share such parts. */
constexpr int64_t portion = 65536;
constexpr int64_t mostParts = 64;

/** One total of a long run: parts have totals of their own, which are gathered in their order. */
void runLong(const ErrorSlot& slot, const Reducer& reducer, const Reducer& wider, const char* x, int size, int64_t count, int64_t start, int64_t* total) {
  int64_t totals[mostParts];
  int64_t each = (count + mostParts - 1) / mostParts;
  each = each < portion ? portion : (each + portion - 1) / portion * portion;
  const int64_t parts = (count + each - 1) / each;
  share(slot, parts, 16.0 * count, [&](int64_t part, int) {
    const int64_t from = part * each;
    totals[part] = start;
    reducer.row(&totals[part], x + from * size, count - from < each ? count - from : each);
  });
  *total = start;
  wider.row(total, totals, parts);
}

void run(const ErrorSlot& slot, const Job& job, int reduction) {
  const Reducer& reducer = reducers[reduction][job.compute];
  const int wide = job.compute == F || job.compute == D ? D : L;
  const int64_t start = startOf(reduction, wide == D);
  const Loop<2>& kept = job.kept;
  const Loop<1>& reduced = job.reduced;
  const int size = elementSize(job.xDType), outSize = elementSize(job.outDType);
  const bool native = isNative(job.xDType, job.compute);
  const int keptLast = kept.rank - 1, reducedLast = reduced.rank - 1;
  const int64_t columns = kept.shape[keptLast], columnStride = kept.strides[1][keptLast];
  const int64_t rows = reduced.shape[reducedLast], rowStride = reduced.strides[0][reducedLast];
  const double work = 16.0 * columns * reduced.count;

  if (kept.count == 1 && reducedLast == 0 && native && rowStride == 1 && rows >= 2 * portion) {
    int64_t total;
    runLong(slot, reducer, reducers[reduction][wide], job.x, size, rows, start, &total);
    storeBlock(job.outDType, wide, &total, job.out, 0, 1, 1, 1);
    return;
  }

  if (columns > 1 && magnitude(columnStride) < magnitude(rowStride)) {
    // The kept elements lie closer together than the reduced ones: many totals at a time, fewer where threads are to find enough of them.
    const int64_t width = work < worthSharing ? chunk : chunk / 4;
    Odometer<2> outer(kept, keptLast);
    do {
      share(slot, (columns + width - 1) / width, work, [&](int64_t part, int) {
        alignas(64) int64_t totals[chunk];
        alignas(64) char buffer[chunk * 8];
        const int64_t c = part * width, n = columns - c < width ? columns - c : width;
        for (int64_t j = 0; j < n; j++) totals[j] = start;
        if (reduced.count > 0) {
          Odometer<1> inner(reduced, reducedLast);
          do {
            const char* from = job.x + (outer.offset[1] + c * columnStride + inner.offset[0]) * size;
            if (native && columnStride == 1) {
              reducer.columns(totals, from, rowStride, rows, n);
            } else {
              const int64_t step = chunk / n;
              for (int64_t r = 0; r < rows; r += step) {
                const int64_t m = rows - r < step ? rows - r : step;
                loadBlock(job.xDType, job.compute, from + r * rowStride * size, rowStride, columnStride, m, n, buffer);
                reducer.columns(totals, buffer, n, m, n);
              }
            }
          } while (inner.next());
        }
        storeBlock(job.outDType, wide, totals, job.out + (outer.offset[0] + c * kept.strides[0][keptLast]) * outSize, 0, kept.strides[0][keptLast], 1, n);
      });
    } while (outer.next());
    return;
  }

  // Row by row; the totals of a run of rows are stored together.
  Odometer<2> outer(kept, keptLast);
  do {
    share(slot, (columns + 63) / 64, work, [&](int64_t part, int) {
      alignas(64) int64_t totals[64];
      alignas(64) char buffer[chunk * 8];
      const int64_t c = part * 64, n = columns - c < 64 ? columns - c : 64;
      for (int64_t j = 0; j < n; j++) {
        totals[j] = start;
        const char* from = job.x + (outer.offset[1] + (c + j) * columnStride) * size;
        if (reducedLast == 0) gatherRow(job, reducer, &totals[j], from, rowStride, rows, native, buffer);
        else gatherRows(job, reducer, &totals[j], from, native, buffer);
      }
      storeBlock(job.outDType, wide, totals, job.out + (outer.offset[0] + c * kept.strides[0][keptLast]) * outSize, 0, kept.strides[0][keptLast], 1, n);
    });
  } while (outer.next());
}

}  // namespace

/** Command: reduction, compute, dtype and address of out and x, the kept dimensions (strides of out and x), the reduced ones (of x). */
int reduce(const double* command, ErrorSlot& slot) {
  Reader read(command);
  const int reduction = (int)read.integer();
  Job job;
  job.compute = (int)read.integer();
  job.outDType = (int)read.integer();
  job.out = read.pointer<char>();
  job.xDType = (int)read.integer();
  job.x = read.pointer<char>();
  readLoop(read, job.kept);
  readLoop(read, job.reduced);
  if (job.kept.count == 0) return ok;
  run(slot, job, reduction);
  return ok;
}

namespace {

template <bool largest, class T>
int64_t extremeIndex(const char* x, int dtype, int compute, int64_t stride, int64_t length) {
  T buffer[chunk];
  const int size = elementSize(dtype);
  const bool direct = isNative(dtype, compute) && stride == 1;
  T record = 0;
  int64_t best = 0;
  for (int64_t at = 0; at < length; at += chunk) {
    const int64_t n = length - at < chunk ? length - at : chunk;
    const T* values = buffer;
    if (direct) values = (const T*)(x + at * size);
    else loadBlock(dtype, compute, x + at * stride * size, 0, stride, 1, n, buffer);
    if (at == 0) record = values[0];
    if (record != record) return best;
    for (int64_t i = 0; i < n; i++) {
      if (largest ? values[i] > record : values[i] < record) {
        record = values[i];
        best = at + i;
      } else if (values[i] != values[i]) {
        return at + i;
      }
    }
  }
  return best;
}

template <class T>
int64_t extremeIndexOf(bool largest, const char* x, int dtype, int compute, int64_t stride, int64_t length) {
  return largest ? extremeIndex<true, T>(x, dtype, compute, stride, length) : extremeIndex<false, T>(x, dtype, compute, stride, length);
}

}  // namespace

/** Command: whether the largest, compute, address of out (int32), dtype and address of x, length and stride of the dimension, the kept dimensions. */
int argReduce(const double* command, ErrorSlot&) {
  Reader read(command);
  const bool largest = read.flag();
  const int compute = (int)read.integer();
  int32_t* out = read.pointer<int32_t>();
  const int dtype = (int)read.integer();
  const char* x = read.pointer<char>();
  const int64_t length = read.integer(), stride = read.integer();
  Loop<2> kept;
  readLoop(read, kept);
  if (kept.count == 0) return ok;
  const int size = elementSize(dtype);
  Odometer<2> outer(kept, kept.rank);
  do {
    const char* from = x + outer.offset[1] * size;
    int64_t best;
    switch (compute) {
      case F: best = extremeIndexOf<float>(largest, from, dtype, compute, stride, length); break;
      case D: best = extremeIndexOf<double>(largest, from, dtype, compute, stride, length); break;
      case I: best = extremeIndexOf<int32_t>(largest, from, dtype, compute, stride, length); break;
      default: best = extremeIndexOf<int64_t>(largest, from, dtype, compute, stride, length);
    }
    out[outer.offset[0]] = (int32_t)best;
  } while (outer.next());
  return ok;
}

}  // namespace FLAMBEAU_NAMESPACE
