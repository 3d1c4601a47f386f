// How TypeScript calls a kernel: a command is a list of doubles in a buffer that both sides see. Addresses, sizes, strides (in elements),
// flags and numbers are all doubles; a 48-bit address fits exactly.
//
// To add a kernel `foo`:
//   1. write native/kernels/<subject>.cc:
//        #include "../command.h"
//        #include "../simd.h"
//        namespace FLAMBEAU_NAMESPACE {
//        int foo(const double* command, ErrorSlot& error) {
//          Reader read(command);
//          const int64_t n = read.integer();
//          const float* x = read.pointer<const float>();
//          float* out = read.pointer<float>();
//          ...
//          return ok;
//        }
//        }
//      Every .cc file in native/kernels is compiled once for each instruction set, into a namespace of its own. Everything (helpers, types,
//      templates) goes into FLAMBEAU_NAMESPACE or is static; nothing from the C++ standard library.
//   2. add the line KERNEL(foo) to native/kernels.def (at the end of its group; the order is free, ids are looked up by name);
//   3. in TypeScript write the same values in the same order with the CommandWriter (src/command.ts):
//        const { command } = engine; const id = engine.kernelId('foo');
//        command.begin(id); command.number(n); command.address(x); command.address(out); engine.run('foo');
//      An optional kernel (one that core calls by op name) goes into a file of src/optional/ and into the table in src/optional/index.ts.
//      Scratch memory: `command.scratch(byteLength)` writes an address that is good until run() returns.
//   4. `node packages/backend-cpu/scripts/build.mjs` rebuilds the addon, `... build-wasm.mjs` the embedded WASM.
// A kernel checks every value that can be wrong before it writes anything; it returns `ok` or an error's status, with the slot filled in.
// No mutable statics: several threads of one process load the addon, each with a buffer of its own.
#pragma once
#include "platform.h"

/** Threads that help the caller of a kernel; see parallel.h. */
struct Parallel {
  int threads;
  bool (*resting)(Parallel*);  // whether it runs everything alone for a while
  void (*run)(Parallel*, int64_t chunks, void (*task)(void* context, int64_t chunk, int worker), void* context);
};

/** The head of the shared buffer. Eight doubles; the command follows. */
struct ErrorSlot {
  double status;    // what the kernel returned
  double kernel;    // the id of the kernel to run
  double value;     // what was wrong: an index, for instance
  double limit;     // its limit
  double reserved[3];
  union {
    Parallel* parallel;  // who shares the work; null where nobody does
    double unused;
  };
};

/** What a kernel returns; src/errors.ts turns the others into errors. */
enum Status {
  ok = 0,
  indexOutOfRange = 1,   // value and limit are set
  divisionByZero = 2,
  targetOutOfRange = 3,  // a class label: value and limit are set
  notImplemented = 4,    // a combination that the TypeScript side should not have sent
};

typedef int (*Kernel)(const double* command, ErrorSlot& error);

/** The dtypes, in the order of core's dtypeNames. */
enum DType { Bool, UInt8, Int8, Int16, Int32, UInt32, Int64, Float16, BFloat16, Float32, Float64 };

namespace FLAMBEAU_NAMESPACE {

/** Reads a command's values one after the other. */
class Reader {
  const double* at;

 public:
  explicit Reader(const double* command) : at(command) {}
  double number() { return *at++; }
  int64_t integer() { return (int64_t)*at++; }
  bool flag() { return *at++ != 0; }
  template <class T>
  T* pointer() {
    return (T*)(uintptr_t)(uint64_t)*at++;
  }
  /** The next `count` doubles, such as a shape or strides, where they lie. */
  const double* list(int64_t count) {
    const double* here = at;
    at += count;
    return here;
  }
};

}  // namespace FLAMBEAU_NAMESPACE
