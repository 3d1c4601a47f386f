// Matrix products in float32 and float64: matmul (batched, any strides) and linear (with its bias).
#include "../command.h"
#include "../gemm.h"

namespace FLAMBEAU_NAMESPACE {

template void runPanel<float>(Tile<float>, Index, Index, Index, float*, Index, const float*, bool);
template void product<float>(Index, Index, Index, Matrix<float>, Matrix<float>, float*, Index, const float*, bool, float*);

template <typename T> static void batchedProduct(Reader& read) {
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
  const Index dims = read.integer();
  const double* sizes = read.list(dims);
  const double* aSteps = read.list(dims);
  const double* bSteps = read.list(dims);
  Index count = 1;
  for (Index d = 0; d < dims; d++) count *= (Index)sizes[d];
  for (Index i = 0; i < count; i++) {
    // The batch index, digit by digit, gives where the operands' matrices begin; stride 0 is a broadcast one.
    Index rest = i, aShift = 0, bShift = 0;
    for (Index d = dims - 1; d >= 0; d--) {
      const Index size = (Index)sizes[d], at = rest % size;
      rest /= size;
      aShift += at * (Index)aSteps[d];
      bShift += at * (Index)bSteps[d];
    }
    product(m, n, k, Matrix<T>{a.at + aShift, a.row, a.column}, Matrix<T>{b.at + bShift, b.row, b.column}, out + i * m * n, n, bias, false, scratch);
  }
}

/** out [...batch, m, n] = bias [n] + a [...batch, m, k] · b [...batch, k, n]. */
int product(const double* command, ErrorSlot&) {
  Reader read(command);
  if (read.integer() == Float32) batchedProduct<float>(read);
  else batchedProduct<double>(read);
  return ok;
}

}  // namespace FLAMBEAU_NAMESPACE
