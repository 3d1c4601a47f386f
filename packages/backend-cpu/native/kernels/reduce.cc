// Reductions over dimensions: which runs of elements are gathered into which totals, and by which thread.
#include "../convert.h"
#include "../nd.h"
#include "../parallel.h"
#include "../reducers.h"

namespace FLAMBEAU_NAMESPACE {

namespace {

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

}  // namespace FLAMBEAU_NAMESPACE
