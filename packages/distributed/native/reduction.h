// What MPI does not know: 16-bit floats, extremes in which NaN wins, and means.
#pragma once
#include <cstdint>

#include "library.h"

namespace flambeau {

/** MPI's signature of a reduction: inout[i] = in[i] ∘ inout[i]. */
using Combine = void(void* in, void* inout, int* count, void* type);

/** The function for a type and a reduction where MPI has none that will do, else null; means use the sum. */
Combine* combineFor(Type type, Reduction reduction);

/** Divides floats by a number, in place. */
void divide(Type type, void* data, int64_t count, int by);

}  // namespace flambeau
