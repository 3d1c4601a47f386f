// Matrix products in float32 and float64: matmul (batched, any strides) and linear (with its bias).
#include "../command.h"
#include "../gemm.h"
#include "../parallel.h"

namespace FLAMBEAU_NAMESPACE {

template void runPanel<float>(Tile<float>, Index, Index, Index, float*, Index, const float*, bool);
template void product<float>(Index, Index, Index, Matrix<float>, Matrix<float>, float*, Index, const float*, bool, float*);

/**
 * One product in parts for as many threads; each part is computed as the whole would have computed it. The parts are of rows or of columns,
 * whichever are more; of columns too where a is not much higher and its rows stay where they lie, for these then pack nothing twice.
 */
template <typename T>
static void sharedProduct(const ErrorSlot& slot, double work, Index m, Index n, Index k, const Matrix<T>& a, const Matrix<T>& b, T* c, const T* bias, T* scratch, Index each) {
  const bool row = m == 1 && n > 1 && b.column == 1;
  const Index width = row ? 8 * LanesOf<T>::count : tileVectors * LanesOf<T>::count;
  const Index threads = work < worthSharing ? 1 : threadsOf(slot);
  const bool byRows = !row && m >= n && (m > 2 * n || packsLeft(a, m, n, k) || n < 4 * threads * width);
  const Index unit = byRows ? rowsOfTile<T> : width, units = ((byRows ? m : n) + unit - 1) / unit;
  // Larger products are cut finer, and those of a row, which pack nothing: a thread that comes late finds something to do.
  const Index wanted = threads > 1 && (row || work > 4e8) ? (row ? 4 : 2) * threads : threads;
  const Index parts = units < wanted ? units : wanted;
  if (parts < 2 || n == 1 || (!row && takesDots(m, n, k, a, b))) {
    product(m, n, k, a, b, c, n, bias, false, scratch);
    return;
  }
  const Blocks blocks = blocksFor(m, n, k);
  share(slot, parts, work, [&](Index part, int worker) {
    const Index from = units * part / parts * unit, limit = units * (part + 1) / parts * unit;
    if (byRows) {
      const Index rows = (limit < m ? limit : m) - from;
      generalProduct(blocks, rows, n, k, Matrix<T>{a.at + from * a.row, a.row, a.column}, b, c + from * n, n, bias, false, scratch + worker * each);
      return;
    }
    const Index columns = (limit < n ? limit : n) - from;
    const Matrix<T> right = {b.at + from * b.column, b.row, b.column};
    const T* some = bias == nullptr ? nullptr : bias + from;
    if (row) rowProduct(columns, k, a.at, a.column, right.at, right.row, c + from, some, false);
    else generalProduct(blocks, m, columns, k, a, right, c + from, n, some, false, scratch + worker * each);
  });
}

template <typename T> static void batchedProduct(Reader& read, const ErrorSlot& slot) {
  const Index m = read.integer(), n = read.integer(), k = read.integer();
  Matrix<T> a, b;
  a.at = read.pointer<const T>();
  a.row = read.integer();
  a.column = read.integer();
  b.at = read.pointer<const T>();
  b.row = read.integer();
  b.column = read.integer();
  T* out = read.pointer<T>();
  const T* bias = read.pointer<const T>();
  T* scratch = read.pointer<T>();
  const Index each = read.integer() / (Index)sizeof(T);  // of it for each thread
  const Index dims = read.integer();
  const double* sizes = read.list(dims);
  const double* aSteps = read.list(dims);
  const double* bSteps = read.list(dims);
  Index count = 1;
  for (Index d = 0; d < dims; d++) count *= (Index)sizes[d];
  // A row moves every element of b for one product of it, which is slower, but two threads hardly move more than one until there is much of it.
  const double work = 2.0 * m * n * k;
  const auto one = [&](Index i, int worker) {
    // The batch index, digit by digit, gives where the operands' matrices begin; stride 0 is a broadcast one.
    Index rest = i, aShift = 0, bShift = 0;
    for (Index d = dims - 1; d >= 0; d--) {
      const Index size = (Index)sizes[d], at = rest % size;
      rest /= size;
      aShift += at * (Index)aSteps[d];
      bShift += at * (Index)bSteps[d];
    }
    const Matrix<T> left = {a.at + aShift, a.row, a.column}, right = {b.at + bShift, b.row, b.column};
    if (count == 1) sharedProduct(slot, work, m, n, k, left, right, out, bias, scratch, each);
    else product(m, n, k, left, right, out + i * m * n, n, bias, false, scratch + worker * each);
  };
  share(slot, count, work * count, one);
}

/** out [...batch, m, n] = bias [n] + a [...batch, m, k] · b [...batch, k, n]. */
int product(const double* command, ErrorSlot& slot) {
  Reader read(command);
  if (read.integer() == Float32) batchedProduct<float>(read, slot);
  else batchedProduct<double>(read, slot);
  return ok;
}

}  // namespace FLAMBEAU_NAMESPACE
