// The Node addon: chooses the instruction set, and runs kernels on commands that lie in a buffer shared with JavaScript. Everything that
// lives as long as the addon belongs to its environment (main thread or worker); there is no static state.
#include <napi.h>

#include <memory>
#include <vector>

#include "table.h"
#include "threadPool.h"
#include "watchlist.h"
#if defined(__GLIBC__)
#include <malloc.h>
#endif
#if defined(__linux__)
#include <sys/mman.h>
#endif

#define SET(name)             \
  namespace flambeau_##name { \
  extern const Kernel kernels[]; \
  }
SET(base)
#if defined(__x86_64__)
SET(avx2)
SET(avx512)
#endif

namespace {

/** What kernels see of the pool, and the pool. */
struct Shared : Parallel {
  flambeau_threads::ThreadPool* pool;
};

/** One engine: the shared buffer, the kernels that were chosen for it, and the threads that help it. */
struct Engine {
  double* buffer;
  const Kernel* kernels;
  Napi::ObjectReference keep;
  Engine* next;
  Shared parallel;
};

/** All engines of an environment, the threads that they share, and the watchlists, which go with it. */
struct Environment {
  flambeau_threads::ThreadPool pool;
  Engine* engines = nullptr;
  std::vector<std::unique_ptr<flambeau_addon::Watchlist>> watchlists;
  ~Environment() {
    while (engines != nullptr) {
      Engine* next = engines->next;
      delete engines;
      engines = next;
    }
  }
};

struct InstructionSet {
  const char* name;
  const Kernel* kernels;
  bool available;
};

/** The widest last. */
int instructionSets(InstructionSet* out) {
  int count = 0;
  out[count++] = {"base", flambeau_base::kernels, true};
#if defined(__x86_64__)
  __builtin_cpu_init();
  const bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
  const bool avx512 = avx2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") &&
                      __builtin_cpu_supports("avx512vl");
  out[count++] = {"avx2", flambeau_avx2::kernels, avx2};
  out[count++] = {"avx512", flambeau_avx512::kernels, avx512};
#endif
  return count;
}

/** run(): no arguments and no result, for each would cost tens of nanoseconds; the error slot at the head of the buffer says both. */
napi_value Run(napi_env env, napi_callback_info info) {
  void* data;
  napi_get_cb_info(env, info, nullptr, nullptr, nullptr, &data);
  Engine* engine = static_cast<Engine*>(data);
  ErrorSlot& slot = *reinterpret_cast<ErrorSlot*>(engine->buffer);
  slot.parallel = &engine->parallel;
  slot.status = engine->kernels[static_cast<int>(slot.kernel)](engine->buffer + sizeof(ErrorSlot) / sizeof(double), slot);
  return nullptr;
}

/** How kernels reach the pool of their engine. */
void runShared(Parallel* parallel, int64_t chunks, void (*task)(void*, int64_t, int), void* context) {
  static_cast<Shared*>(parallel)->pool->run(parallel->threads, chunks, task, context);
}

bool isResting(Parallel* parallel) { return static_cast<Shared*>(parallel)->pool->resting(); }

/** setThreads(n): how many threads kernels of this engine may use, the caller among them. */
napi_value SetThreads(napi_env env, napi_callback_info info) {
  void* data;
  size_t count = 1;
  napi_value argument;
  napi_get_cb_info(env, info, &count, &argument, nullptr, &data);
  int32_t threads = 1;
  napi_get_value_int32(env, argument, &threads);
  static_cast<Engine*>(data)->parallel.threads = threads < 1 ? 1 : threads;
  return nullptr;
}

/** start(buffer, wanted): an engine on an ArrayBuffer, with the widest instruction set of the processor or the wanted one. */
Napi::Value Start(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  InstructionSet sets[3];
  const int count = instructionSets(sets);
  const std::string wanted = info[1].IsString() ? info[1].As<Napi::String>().Utf8Value() : std::string();
  const InstructionSet* chosen = nullptr;
  for (int i = 0; i < count; i++)
    if (sets[i].available && (wanted.empty() || wanted == sets[i].name)) chosen = &sets[i];
  if (chosen == nullptr) {
    Napi::Error::New(env, "this processor does not have the instruction set " + wanted).ThrowAsJavaScriptException();
    return env.Undefined();
  }
  Napi::ArrayBuffer buffer = info[0].As<Napi::ArrayBuffer>();
  Environment* environment = env.GetInstanceData<Environment>();
  Engine* engine = new Engine{static_cast<double*>(buffer.Data()), chosen->kernels, Napi::Persistent(buffer.As<Napi::Object>()), environment->engines,
                              {{1, isResting, runShared}, &environment->pool}};
  environment->engines = engine;

  napi_value run;
  napi_create_function(env, "run", NAPI_AUTO_LENGTH, Run, engine, &run);
  napi_value setThreads;
  napi_create_function(env, "setThreads", NAPI_AUTO_LENGTH, SetThreads, engine, &setThreads);
  Napi::Array names = Napi::Array::New(env);
  uint32_t id = 0;
#define KERNEL(name) names.Set(id++, #name);
#include "kernels.def"
#undef KERNEL
  Napi::Object result = Napi::Object::New(env);
  result.Set("instructionSet", chosen->name);
  result.Set("kernels", names);
  result.Set("run", Napi::Value(env, run));
  result.Set("setThreads", Napi::Value(env, setThreads));
  return result;
}

/** addressOf(buffer): where an ArrayBuffer's bytes lie. They are V8's and stay there until it is collected or transferred. */
Napi::Value AddressOf(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), static_cast<double>(reinterpret_cast<uintptr_t>(info[0].As<Napi::ArrayBuffer>().Data())));
}

/** watch(object) of a watchlist: the object's slot. */
napi_value Watch(napi_env env, napi_callback_info info) {
  void* data;
  size_t count = 1;
  napi_value object, slot;
  napi_get_cb_info(env, info, &count, &object, nullptr, &data);
  napi_create_int32(env, static_cast<flambeau_addon::Watchlist*>(data)->watch(object), &slot);
  return slot;
}

/** unwatch(slot) of a watchlist. */
napi_value Unwatch(napi_env env, napi_callback_info info) {
  void* data;
  size_t count = 1;
  napi_value argument;
  napi_get_cb_info(env, info, &count, &argument, nullptr, &data);
  int32_t slot = 0;
  napi_get_value_int32(env, argument, &slot);
  static_cast<flambeau_addon::Watchlist*>(data)->unwatch(slot);
  return nullptr;
}

/** collected(all) of a watchlist: the slots of what was collected. */
napi_value Collected(napi_env env, napi_callback_info info) {
  void* data;
  size_t count = 1;
  napi_value argument;
  napi_get_cb_info(env, info, &count, &argument, nullptr, &data);
  bool all = false;
  napi_get_value_bool(env, argument, &all);
  return static_cast<flambeau_addon::Watchlist*>(data)->collected(all);
}

/** watchlist(): a new one. */
Napi::Value NewWatchlist(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  Environment* environment = env.GetInstanceData<Environment>();
  environment->watchlists.push_back(std::make_unique<flambeau_addon::Watchlist>(env));
  flambeau_addon::Watchlist* list = environment->watchlists.back().get();
  napi_value watch, unwatch, collected;
  napi_create_function(env, "watch", NAPI_AUTO_LENGTH, Watch, list, &watch);
  napi_create_function(env, "unwatch", NAPI_AUTO_LENGTH, Unwatch, list, &unwatch);
  napi_create_function(env, "collected", NAPI_AUTO_LENGTH, Collected, list, &collected);
  Napi::Object result = Napi::Object::New(env);
  result.Set("watch", Napi::Value(env, watch));
  result.Set("unwatch", Napi::Value(env, unwatch));
  result.Set("collected", Napi::Value(env, collected));
  return result;
}

/**
 * settle(buffer): as addressOf, for a buffer that nobody has written to yet. A large one is asked to lie in large pages, of which a processor knows
 * more places and reads ahead in longer runs: a sum of two tensors of a million takes 146 µs in place of 164. Pages of which some bytes were written
 * already, as by the allocator beyond its last block, become large only where the system is told to copy them.
 */
Napi::Value Settle(const Napi::CallbackInfo& info) {
  Napi::ArrayBuffer buffer = info[0].As<Napi::ArrayBuffer>();
  const uintptr_t start = reinterpret_cast<uintptr_t>(buffer.Data());
#if defined(__linux__)
  constexpr uintptr_t page = 2 << 20;
  constexpr int collapse = 25;  // MADV_COLLAPSE of Linux 6.1
  const size_t bytes = buffer.ByteLength();
  if (bytes >= page / 2) {
    void* first = reinterpret_cast<void*>(start / page * page);
    const size_t whole = (start + bytes + page - 1) / page * page - start / page * page;
    madvise(first, whole, MADV_HUGEPAGE);
    madvise(first, whole, collapse);
  }
#endif
  return Napi::Number::New(info.Env(), static_cast<double>(start));
}

Napi::Object Init(Napi::Env env, Napi::Object exports) {
#if defined(__GLIBC__)
  // Large buffers that V8 gives back stay with the process for the next ones: from the system each would come page fault by page fault.
  mallopt(M_MMAP_THRESHOLD, 32 << 20);
  mallopt(M_TRIM_THRESHOLD, 128 << 20);
  // And the heap grows in large steps: a large page lies within one of them.
  mallopt(M_TOP_PAD, 32 << 20);
#endif
  env.SetInstanceData(new Environment);
  exports.Set("start", Napi::Function::New(env, Start));
  exports.Set("addressOf", Napi::Function::New(env, AddressOf));
  exports.Set("settle", Napi::Function::New(env, Settle));
  exports.Set("watchlist", Napi::Function::New(env, NewWatchlist));
  return exports;
}

}  // namespace

NODE_API_MODULE(flambeau, Init)
