// Copies between layouts and dtypes.
#include "../elementwise.h"
#include "../panels.h"
#include "../parallel.h"

namespace FLAMBEAU_NAMESPACE {

namespace {

template <class T>
void sameRow(const void* from, const void*, const void*, void* to, int64_t count) { memcpy(to, from, (size_t)count * sizeof(T)); }

/** to[r][c] = from[r][c], where from's rows lie close together and to's columns do: in square blocks that fit the first-level cache. */
template <class T>
void transposeBlocks(const T* from, int64_t fromColumn, T* to, int64_t toRow, int64_t rows, int64_t columns, int64_t fromRow) {
  constexpr int64_t side = 32;
  for (int64_t r0 = 0; r0 < rows; r0 += side) {
    const int64_t r1 = r0 + side < rows ? r0 + side : rows;
    for (int64_t c0 = 0; c0 < columns; c0 += side) {
      const int64_t c1 = c0 + side < columns ? c0 + side : columns;
      for (int64_t r = r0; r < r1; r++)
        for (int64_t c = c0; c < c1; c++) to[r * toRow + c] = from[r * fromRow + c * fromColumn];
    }
  }
}

/** Bytes from which a result is written past the caches, which it would only empty: no line of it is read before it is overwritten. */
constexpr int64_t pastCaches = 2 << 20;

FLAMBEAU_INLINE void writePast(float* to, Vf value) {
#if defined(__clang__)
  __builtin_nontemporal_store(value, (Vf*)to);
#elif defined(__AVX512F__)
  __builtin_ia32_movntps512(to, value);
#elif defined(__AVX__)
  __builtin_ia32_movntps256(to, value);
#elif defined(__SSE__)
  __builtin_ia32_movntps(to, value);
#else
  *(Vf*)to = value;
#endif
}

/** Copies one row, whole lines past the caches. */
void copyPast(const float* from, float* to, int64_t count) {
  int64_t i = 0;
  for (; i < count && (uintptr_t)(to + i) % sizeof(Vf) != 0; i++) to[i] = from[i];
  for (; i + LanesOf<float>::count <= count; i += LanesOf<float>::count) writePast(to + i, loadVector(from + i));
  for (; i < count; i++) to[i] = from[i];
}

/** Elements that a thread takes at once, and what moving one counts as. */
constexpr int64_t portion = 16384;
constexpr double elementWork = 16;

/** As transposeBlocks for words whose input rows lie side by side: strips of rows, which threads may share. */
void transposeWords(const ErrorSlot& slot, const float* from, int64_t fromColumn, float* to, int64_t toRow, int64_t rows, int64_t columns, bool shared) {
  constexpr int64_t strip = 16, width = 64;
  const bool past = rows * columns * 4 >= pastCaches;
  share(slot, (rows + strip - 1) / strip, shared ? elementWork * (double)(rows * columns) : 0, [&](int64_t chunk, int) {
    const int64_t r0 = chunk * strip, count = rows - r0 < strip ? rows - r0 : strip;
    if (!past) {
      transposeInto(from + r0, fromColumn, columns, count, to + r0 * toRow, toRow);
      return;
    }
    float block[strip * width];
    for (int64_t c = 0; c < columns; c += width) {
      const int64_t wide = columns - c < width ? columns - c : width;
      transposeInto(from + r0 + c * fromColumn, fromColumn, wide, count, block, width);
      for (int64_t r = 0; r < count; r++) copyPast(block + r * width, to + (r0 + r) * toRow + c, wide);
    }
#if defined(__SSE__)
    __builtin_ia32_sfence();
#endif
  });
}

FLAMBEAU_INLINE int64_t magnitude(int64_t x) { return x < 0 ? -x : x; }

void moveStrided(const ErrorSlot& slot, int size, const Loop<2>& loop, char* out, const char* x) {
  const int last = loop.rank - 1;
  const int64_t columns = loop.shape[last];
  // Where the input walks another dimension in smaller steps than the innermost one, both are walked in blocks.
  int close = last;
  for (int d = 0; d < last; d++)
    if (magnitude(loop.strides[1][d]) < magnitude(loop.strides[1][close]) && loop.strides[1][d] != 0) close = d;
  if (close != last && loop.strides[0][last] == 1 && loop.shape[close] > 1) {
    Loop<2> rest;
    rest.rank = 0;
    rest.count = 1;
    for (int d = 0; d < last; d++) {
      if (d == close) continue;
      rest.shape[rest.rank] = loop.shape[d];
      rest.count *= loop.shape[d];
      rest.strides[0][rest.rank] = loop.strides[0][d];
      rest.strides[1][rest.rank] = loop.strides[1][d];
      rest.rank++;
    }
    const int64_t fromRow = loop.strides[1][close], fromColumn = loop.strides[1][last], toRow = loop.strides[0][close], rows = loop.shape[close];
    // Threads share the matrices, or where there is one its strips.
    const int64_t each = portion / (rows * columns) + 1;
    share(slot, (rest.count + each - 1) / each, rest.count > 1 ? elementWork * (double)loop.count : 0, [&](int64_t part, int) {
      int64_t at = part * each;
      const int64_t end = at + each < rest.count ? at + each : rest.count;
      Odometer<2> outer(rest, rest.rank, at);
      do {
        const char* from = x + outer.offset[1] * size;
        char* to = out + outer.offset[0] * size;
        if (size == 4 && fromRow == 1) transposeWords(slot, (const float*)from, fromColumn, (float*)to, toRow, rows, columns, rest.count == 1);
        else if (size == 4) transposeBlocks((const uint32_t*)from, fromColumn, (uint32_t*)to, toRow, rows, columns, fromRow);
        else if (size == 8) transposeBlocks((const uint64_t*)from, fromColumn, (uint64_t*)to, toRow, rows, columns, fromRow);
        else if (size == 2) transposeBlocks((const uint16_t*)from, fromColumn, (uint16_t*)to, toRow, rows, columns, fromRow);
        else transposeBlocks((const uint8_t*)from, fromColumn, (uint8_t*)to, toRow, rows, columns, fromRow);
        outer.next();
      } while (++at < end);
    });
    return;
  }
  const int64_t xStep = loop.strides[1][last], outStep = loop.strides[0][last];
#if !defined(__wasm__)
  if (last == 0) {
    shareElements(slot, columns, elementWork, [=](int64_t from, int64_t end) {
      moveBlock(size, x + from * xStep * size, 0, xStep, out + from * outStep * size, 0, outStep, 1, end - from);
    });
    return;
  }
#endif
  // Rows of all matrices in portions.
  const bool plane = last > 0;
  const int64_t rows = plane ? loop.shape[last - 1] : 1, total = loop.count / columns, each = portion / columns + 1;
  const int64_t xRow = plane ? loop.strides[1][last - 1] : 0, outRow = plane ? loop.strides[0][last - 1] : 0;
  share(slot, (total + each - 1) / each, elementWork * (double)loop.count, [&](int64_t part, int) {
    int64_t row = part * each;
    const int64_t end = row + each < total ? row + each : total;
    Odometer<2> outer(loop, plane ? last - 1 : 0, row / rows);
    do {
      const int64_t from = row % rows, some = rows - from < end - row ? rows - from : end - row;
      moveBlock(size, x + (outer.offset[1] + from * xRow) * size, xRow, xStep, out + (outer.offset[0] + from * outRow) * size, outRow, outStep, some, columns);
      row += some;
      outer.next();
    } while (row < end);
  });
}

}  // namespace

/** Command: dtypes and addresses of out and x, rank, shape, strides of out and x. */
int copy(const double* command, ErrorSlot& slot) {
  Reader read(command);
  Side sides[2];
  for (Side& side : sides) {
    side.dtype = (int)read.integer();
    side.base = read.pointer<char>();
  }
  Loop<2> loop;
  readLoop(read, loop);
  if (loop.count == 0) return ok;
  if (sides[0].dtype == sides[1].dtype) {
    moveStrided(slot, elementSize(sides[0].dtype), loop, sides[0].base, sides[1].base);
    return ok;
  }
  const int target = computeOf(sides[0].dtype);
  const int compute = isNative(sides[0].dtype, target) ? target : computeOf(sides[1].dtype);
  sides[0].packed = compute;
  sides[1].packed = compute;
  runElementwise<1>(slot, computeSize(compute) == 4 ? sameRow<int32_t> : sameRow<int64_t>, loop, sides);
  return ok;
}

}  // namespace FLAMBEAU_NAMESPACE
