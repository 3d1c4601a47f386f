// The kernels of one instruction set as an array; compiled once for each.
#include "table.h"

namespace FLAMBEAU_NAMESPACE {
#define KERNEL(name) int name(const double* command, ErrorSlot& error);
#include "kernels.def"
#undef KERNEL

#define KERNEL(name) name,
extern const Kernel kernels[];
const Kernel kernels[] = {
#include "kernels.def"
};
#undef KERNEL
}  // namespace FLAMBEAU_NAMESPACE
