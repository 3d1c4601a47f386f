// Running sums, products and extremes.
#include "../convert.h"
#include "../nd.h"

namespace FLAMBEAU_NAMESPACE {

namespace {

enum Running { Sum, Prod, Max, Min };
constexpr int64_t chunk = 256;

struct Lane {
  const char* x;
  char* out;
  char* indices;
  int dtype, outDType, indexDType;
  int64_t length, xStride, outStride, indexStride;
};

/** Running sums of values in place, from a total that is returned as it became: four at a time, so that one addition in four waits for another. */
template <class A>
A runningSum(A* values, int64_t n, A total) {
  int64_t i = 0;
  for (; i + 4 <= n; i += 4) {
    const A two = values[i] + values[i + 1], three = two + values[i + 2], four = two + (values[i + 2] + values[i + 3]);
    values[i] += total;
    values[i + 1] = total + two;
    values[i + 2] = total + three;
    values[i + 3] = total += four;
  }
  for (; i < n; i++) values[i] = total += values[i];
  return total;
}

/** One lane, gathered in A: float64 for floats, int64 for integers. */
template <int R, class A>
void scanLane(const Lane& lane, int wide) {
  A values[chunk];
  int32_t records[chunk];
  A total = (A)-0.0;  // which changes no first value
  int64_t record = 0;
  for (int64_t at = 0; at < lane.length; at += chunk) {
    const int64_t n = lane.length - at < chunk ? lane.length - at : chunk;
    loadBlock(lane.dtype, wide, lane.x + at * lane.xStride * elementSize(lane.dtype), 0, lane.xStride, 1, n, values);
    // float64 is summed in its order, to the last digit.
    const bool fours = R == Sum && lane.dtype != Float64;
    if (fours) total = runningSum(values, n, total);
    for (int64_t i = fours ? n : 0; i < n; i++) {
      const A value = values[i];
      if (at + i == 0) {
        total = value;
      } else if (R == Sum) {
        total += value;
      } else if (R == Prod) {
        total *= value;
      } else {
        // Equal values count as fresh, NaN always; after a NaN nothing else does.
        const bool fresh = value != value || (R == Max ? value >= total : value <= total);
        if (fresh) {
          total = value;
          record = at + i;
        }
      }
      values[i] = total;
      records[i] = (int32_t)record;
    }
    storeBlock(lane.outDType, wide, values, lane.out + at * lane.outStride * elementSize(lane.outDType), 0, lane.outStride, 1, n);
    if (lane.indices != nullptr)
      storeBlock(lane.indexDType, I, records, lane.indices + at * lane.indexStride * elementSize(lane.indexDType), 0, lane.indexStride, 1, n);
  }
}

template <class A>
void scanAs(int running, const Lane& lane, int wide) {
  switch (running) {
    case Sum: return scanLane<Sum, A>(lane, wide);
    case Prod: return scanLane<Prod, A>(lane, wide);
    case Max: return scanLane<Max, A>(lane, wide);
    default: return scanLane<Min, A>(lane, wide);
  }
}

}  // namespace

/** Command: kind, dtype and address of out, indices (address 0 for none) and x, length, the strides of the three along it, the other dimensions. */
int scan(const double* command, ErrorSlot&) {
  Reader read(command);
  const int running = (int)read.integer();
  Lane lane;
  lane.outDType = (int)read.integer();
  char* out = read.pointer<char>();
  lane.indexDType = (int)read.integer();
  char* indices = read.pointer<char>();
  lane.dtype = (int)read.integer();
  const char* x = read.pointer<char>();
  lane.length = read.integer();
  lane.outStride = read.integer();
  lane.indexStride = read.integer();
  lane.xStride = read.integer();
  Loop<3> others;
  readLoop(read, others);
  if (others.count == 0) return ok;
  const int compute = computeOf(lane.dtype);
  Odometer<3> outer(others, others.rank);
  do {
    lane.out = out + outer.offset[0] * elementSize(lane.outDType);
    lane.indices = indices == nullptr ? nullptr : indices + outer.offset[1] * elementSize(lane.indexDType);
    lane.x = x + outer.offset[2] * elementSize(lane.dtype);
    if (compute == F || compute == D) scanAs<double>(running, lane, D);
    else scanAs<int64_t>(running, lane, L);
  } while (outer.next());
  return ok;
}

}  // namespace FLAMBEAU_NAMESPACE
