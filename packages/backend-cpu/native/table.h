// Ids and names of the kernels, the same for every instruction set.
#pragma once
#include "command.h"

enum KernelId {
#define KERNEL(name) kernel_##name,
#include "kernels.def"
#undef KERNEL
  kernelCount
};
