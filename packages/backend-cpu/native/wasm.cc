// The WebAssembly module: the command buffer, the kernels, and the few functions that a C library would have brought.
#include "table.h"

namespace FLAMBEAU_NAMESPACE {
extern const Kernel kernels[];
}

// One copy for each instance of the module, in its own memory.
static double buffer[4096] __attribute__((aligned(64)));
extern "C" unsigned char __heap_base;

extern "C" {
// With bulk memory these become single instructions.
void* memcpy(void* to, const void* from, size_t bytes) { return __builtin_memcpy(to, from, bytes); }
void* memset(void* to, int value, size_t bytes) { return __builtin_memset(to, value, bytes); }

/** Where commands are written. */
__attribute__((export_name("commandAddress"))) double* commandAddress() { return buffer; }
/** The first address that is free for storages. */
__attribute__((export_name("heapBase"))) unsigned char* heapBase() { return &__heap_base; }
/** Runs the command. */
__attribute__((export_name("run"))) void run() {
  ErrorSlot& slot = *reinterpret_cast<ErrorSlot*>(buffer);
  slot.status = FLAMBEAU_NAMESPACE::kernels[static_cast<int>(slot.kernel)](buffer + sizeof(ErrorSlot) / sizeof(double), slot);
}
/** The name of a kernel, ending in 0; no address past the last. */
__attribute__((export_name("kernelName"))) const char* kernelName(int id) {
  static const char* const names[] = {
#define KERNEL(name) #name,
#include "kernels.def"
#undef KERNEL
  };
  return id < kernelCount ? names[id] : nullptr;
}
}
