// Work that several threads share: a kernel cuts it into chunks, and whoever is free takes the next one. Each chunk writes places of its own,
// and what a chunk is depends on the problem alone, so that results do not depend on the number of threads.
#pragma once
#include "command.h"

namespace FLAMBEAU_NAMESPACE {

/** Floating-point operations, or bytes moved times four, from which sharing pays: some 50 µs of work. */
constexpr double worthSharing = 4e6;
/** What a thread takes at a time at least, some 2 µs: to take it costs a tenth of one. */
constexpr double worthTaking = 2.5e5;

/** Threads that may take part in the call, the caller among them: workers are numbered from 0 to below it. One while the pool rests. */
FLAMBEAU_INLINE int threadsOf(const ErrorSlot& slot) {
#if !defined(__wasm__)
  Parallel* parallel = slot.parallel;
  if (parallel != nullptr && parallel->threads > 1 && !parallel->resting(parallel)) return parallel->threads;
#endif
  (void)slot;
  return 1;
}

/**
 * Calls body(chunk, worker) for each chunk, in any order; no two calls at a time have the same worker. `work` says how much all of it is. Threads
 * take neighbouring chunks in bundles, where there are many.
 */
template <class Body>
FLAMBEAU_INLINE void share(const ErrorSlot& slot, int64_t chunks, double work, const Body& body) {
#if !defined(__wasm__)
  struct Call {
    const Body& body;
    int64_t chunks, bundles;
    /** One piece of code for any number of threads, for there are many bodies. */
    FLAMBEAU_NOINLINE static void some(const Body& body, int64_t from, int64_t end, int worker) {
      for (int64_t chunk = from; chunk < end; chunk++) body(chunk, worker);
    }
    static void run(void* context, int64_t bundle, int worker) {
      const Call& call = *(const Call*)context;
      some(call.body, call.chunks * bundle / call.bundles, call.chunks * (bundle + 1) / call.bundles, worker);
    }
  };
  const int threads = chunks > 1 && work >= worthSharing ? threadsOf(slot) : 1;
  if (threads > 1) {
    const int64_t most = 16 * threads, taken = (int64_t)(work / worthTaking), wanted = taken < 4 * threads ? 4 * threads : taken < most ? taken : most;
    Call call = {body, chunks, chunks < wanted ? chunks : wanted};
    slot.parallel->run(slot.parallel, call.bundles, Call::run, &call);
  } else {
    Call::some(body, 0, chunks, 0);
  }
#else
  (void)slot;
  (void)work;
  for (int64_t chunk = 0; chunk < chunks; chunk++) body(chunk, 0);
#endif
}

/** Calls body(from, end) for portions of n elements, of which each takes as long as `work` operations; a portion begins at a whole vector. */
template <class Body>
FLAMBEAU_INLINE void shareElements(const ErrorSlot& slot, int64_t n, double work, const Body& body) {
  constexpr int64_t portion = 16384;
  share(slot, (n + portion - 1) / portion, work * (double)n, [&](int64_t part, int) {
    const int64_t from = part * portion;
    body(from, n - from < portion ? n : from + portion);
  });
}

}  // namespace FLAMBEAU_NAMESPACE
