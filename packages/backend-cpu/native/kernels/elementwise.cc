#include "../elementwise.h"
#include "../parallel.h"

namespace FLAMBEAU_NAMESPACE {

namespace {

/** Elements that a buffer holds. */
constexpr int64_t chunk = 512;
/** Elements that a thread takes at once, where threads share an operation. */
constexpr int64_t portion = 16384;

FLAMBEAU_INLINE bool liesPacked(const Side& side) {
  return side.packed == bytes ? true : isNative(side.dtype, side.packed);
}

/** One operand during the loop: where its block lies and whether a buffer already holds it. */
struct Lane {
  const Side* side;
  int size;          // bytes of an element in memory
  bool native;       // memory and function agree on the type
  int64_t rowStride, columnStride;
  char* buffer;
  const char* held;  // the block that the buffer holds
  int64_t heldRows, heldColumns;

  bool direct(int64_t rows, int64_t columns) const {
    return native && (columnStride == 1 || columns == 1) && (rows == 1 || rowStride == columns);
  }
  const void* load(const char* at, int64_t rows, int64_t columns) {
    if (direct(rows, columns)) return at;
    // A broadcast block is the same again and again.
    const bool constant = columnStride == 0 && (rows == 1 || rowStride == 0);
    if (held == at && heldRows == rows && heldColumns == columns) return buffer;
    if (side->packed == bytes) moveBlock(1, at, rowStride, columnStride, buffer, columns, 1, rows, columns);
    else if (constant) loadBlock(side->dtype, side->packed, at, 0, 0, 1, rows * columns, buffer);
    else loadBlock(side->dtype, side->packed, at, rowStride, columnStride, rows, columns, buffer);
    held = at;
    heldRows = rows;
    heldColumns = columns;
    return buffer;
  }
};

}  // namespace

template <int Inputs>
void runElementwise(const ErrorSlot& slot, RowFunction function, const Loop<Inputs + 1>& loop, const Side* sides) {
  if (loop.count == 0) return;
  const int rank = loop.rank;
  const int64_t columns = loop.shape[rank - 1];
  const int64_t rows = rank > 1 ? loop.shape[rank - 2] : 1;

  // Everything in one piece, as it lies.
  bool simple = rank == 1;
  for (int k = 0; k <= Inputs; k++) simple = simple && liesPacked(sides[k]) && (loop.strides[k][0] == 1 || columns == 1);
  if (simple) {
    int sizes[Inputs + 1];
    for (int k = 0; k <= Inputs; k++) sizes[k] = elementSize(sides[k].dtype);
    // Reading and writing an element takes as long as some 16 operations do.
    share(slot, (columns + portion - 1) / portion, 16.0 * columns, [&](int64_t part, int) {
      const int64_t from = part * portion, count = columns - from < portion ? columns - from : portion;
      const auto at = [&](int k) { return sides[k].base + from * sizes[k]; };
      function(at(1), at(Inputs > 1 ? 2 : 1), at(Inputs > 2 ? 3 : 1), at(0), count);
    });
    return;
  }

  const int64_t blockColumns = columns < chunk ? columns : chunk;
  const int64_t blockRows = columns < chunk ? (chunk / columns < rows ? chunk / columns : rows) : 1;
  /** Some rows of the matrix at `outer`. */
  const auto walk = [&](Odometer<Inputs + 1>& outer, Lane* lanes, int64_t from, int64_t end) {
    for (int64_t r = from; r < end; r += blockRows) {
      const int64_t m = end - r < blockRows ? end - r : blockRows;
      bool whole = m == 1 || blockRows == 1;
      for (int k = 0; k <= Inputs; k++) whole = whole && lanes[k].direct(1, columns);
      const int64_t step = whole ? columns : blockColumns;
      for (int64_t c = 0; c < columns; c += step) {
        const int64_t n = columns - c < step ? columns - c : step;
        const void* in[3];
        for (int k = 1; k <= Inputs; k++) {
          Lane& lane = lanes[k];
          in[k - 1] = lane.load(lane.side->base + (outer.offset[k] + r * lane.rowStride + c * lane.columnStride) * lane.size, m, n);
        }
        Lane& out = lanes[0];
        char* target = out.side->base + (outer.offset[0] + r * out.rowStride + c * out.columnStride) * out.size;
        const bool direct = out.direct(m, n);
        function(in[0], in[Inputs > 1 ? 1 : 0], in[Inputs > 2 ? 2 : 0], direct ? target : out.buffer, m * n);
        if (direct) continue;
        if (out.side->packed == bytes) moveBlock(1, out.buffer, n, 1, target, out.rowStride, out.columnStride, m, n);
        else storeBlock(out.side->dtype, out.side->packed, out.buffer, target, out.rowStride, out.columnStride, m, n);
      }
    }
  };

  // Rows of all matrices in portions.
  const int64_t total = loop.count / columns, each = columns < portion ? portion / columns : 1;
  share(slot, (total + each - 1) / each, 16.0 * (double)loop.count, [&](int64_t part, int) {
    alignas(64) char buffers[(Inputs + 1) * chunk * 8];
    Lane lanes[Inputs + 1];
    for (int k = 0; k <= Inputs; k++) {
      lanes[k] = {&sides[k], elementSize(sides[k].dtype), liesPacked(sides[k]), rank > 1 ? loop.strides[k][rank - 2] : 0, loop.strides[k][rank - 1],
                  buffers + k * chunk * 8, nullptr, 0, 0};
    }
    const int64_t end = total < (part + 1) * each ? total : (part + 1) * each;
    int64_t row = part * each;
    Odometer<Inputs + 1> outer(loop, rank > 2 ? rank - 2 : 0, row / rows);
    do {
      const int64_t from = row % rows, limit = rows - from < end - row ? rows : from + end - row;
      walk(outer, lanes, from, limit);
      row += limit - from;
    } while (row < end && outer.next());
  });
}

template void runElementwise<1>(const ErrorSlot&, RowFunction, const Loop<2>&, const Side*);
template void runElementwise<2>(const ErrorSlot&, RowFunction, const Loop<3>&, const Side*);
template void runElementwise<3>(const ErrorSlot&, RowFunction, const Loop<4>&, const Side*);

}  // namespace FLAMBEAU_NAMESPACE
