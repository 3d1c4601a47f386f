// The matrix product of every dtype, any strides and batches, row by row and gathered in float64 or int64. The fast ones are in product.cc.
#include "../convert.h"
#include "../nd.h"

namespace FLAMBEAU_NAMESPACE {

namespace {

constexpr int64_t chunk = 256;

struct Matrix {
  char* base;
  int dtype;
  int64_t row, column;
};

template <class A>
void multiply(const Matrix& a, const Matrix& b, const Matrix& out, int64_t m, int64_t n, int64_t inner, int wide) {
  A total[chunk], values[chunk];
  const int aSize = elementSize(a.dtype), bSize = elementSize(b.dtype), outSize = elementSize(out.dtype);
  for (int64_t i = 0; i < m; i++) {
    for (int64_t c = 0; c < n; c += chunk) {
      const int64_t width = n - c < chunk ? n - c : chunk;
      for (int64_t j = 0; j < width; j++) total[j] = 0;
      for (int64_t k = 0; k < inner; k++) {
        A factor;
        loadBlock(a.dtype, wide, a.base + (i * a.row + k * a.column) * aSize, 0, 1, 1, 1, &factor);
        loadBlock(b.dtype, wide, b.base + (k * b.row + c * b.column) * bSize, 0, b.column, 1, width, values);
        for (int64_t j = 0; j < width; j++) total[j] += factor * values[j];
      }
      storeBlock(out.dtype, wide, total, out.base + (i * out.row + c * out.column) * outSize, 0, out.column, 1, width);
    }
  }
}

}  // namespace

/** Command: m, n, inner size; dtype, address, row and column stride of out, a and b; the batch dimensions. */
int matmul(const double* command, ErrorSlot&) {
  Reader read(command);
  const int64_t m = read.integer(), n = read.integer(), inner = read.integer();
  Matrix of[3];
  for (Matrix& matrix : of) {
    matrix.dtype = (int)read.integer();
    matrix.base = read.pointer<char>();
    matrix.row = read.integer();
    matrix.column = read.integer();
  }
  Loop<3> batch;
  readLoop(read, batch);
  if (batch.count == 0) return ok;
  const int compute = computeOf(of[1].dtype);
  Odometer<3> outer(batch, batch.rank);
  do {
    Matrix at[3];
    for (int k = 0; k < 3; k++) {
      at[k] = of[k];
      at[k].base += outer.offset[k] * elementSize(of[k].dtype);
    }
    if (compute == F || compute == D) multiply<double>(at[1], at[2], at[0], m, n, inner, D);
    else multiply<int64_t>(at[1], at[2], at[0], m, n, inner, L);
  } while (outer.next());
  return ok;
}

}  // namespace FLAMBEAU_NAMESPACE
