// The threads that help a JavaScript thread with large kernels. One pool for each environment (the main thread, each worker), started when the
// first kernel is worth sharing. The caller takes chunks like everybody else and waits only for chunks that somebody has really taken: a helper
// that the system does not let run costs little. The pool keeps an account of what sharing gains, and rests for a while where it loses.
#pragma once
#include <atomic>
#include <chrono>
#include <memory>
#include <vector>

#include <pthread.h>
#if defined(__linux__)
#include <sched.h>
#endif
#include <signal.h>
#include <time.h>
#if defined(__APPLE__)
#include <dispatch/dispatch.h>
#else
#include <semaphore.h>
#endif

namespace flambeau_threads {

/** A counter that a thread can sleep on. */
class Signal {
#if defined(__APPLE__)
  dispatch_semaphore_t semaphore = dispatch_semaphore_create(0);

 public:
  ~Signal() { dispatch_release(semaphore); }
  void post() { dispatch_semaphore_signal(semaphore); }
  void wait() { dispatch_semaphore_wait(semaphore, DISPATCH_TIME_FOREVER); }
#else
  sem_t semaphore;

 public:
  Signal() { sem_init(&semaphore, 0, 0); }
  ~Signal() { sem_destroy(&semaphore); }
  void post() { sem_post(&semaphore); }
  void wait() {
    while (sem_wait(&semaphore) != 0) {
    }
  }
#endif
};

inline void relax() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

inline int64_t now() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

/** Nanoseconds that the calling thread has computed, which others on its core do not lengthen. */
inline int64_t computed() {
  timespec time;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return (int64_t)time.tv_sec * 1000000000 + time.tv_nsec;
}

/**
 * Whether sharing pays, by the calls before: a helper may have to share its core with other processes, be stopped in the midst of a chunk, or wake
 * up too late. Gains are remembered up to a limit, so that a loss now and then changes nothing. Where losses prevail, a rest makes them a small
 * part of the time.
 */
class Account {
  static constexpr int64_t mostCredit = 20000000, mostDebt = 100000, rest = 12;
  int64_t balance = 0, resumeAt = 0;

 public:
  bool resting(int64_t at) const { return at < resumeAt; }

  /** Enters a call that ended at `at` and took `gained` nanoseconds less than alone, or more if negative. */
  void enter(int64_t gained, int64_t at) {
    balance = balance + gained < mostCredit ? balance + gained : mostCredit;
    if (balance >= -mostDebt) return;
    resumeAt = at - rest * balance;
    balance = 0;
  }
};

/**
 * Keeps helpers off the processor on which the caller runs: a thread that is woken may be put on that of the one who wakes it, where the two
 * take turns instead of working side by side, for as long as it takes the system to move one of them.
 */
class Elsewhere {
#if defined(__linux__)
  cpu_set_t allowed;
  int avoided = -1;

 public:
  Elsewhere() {
    if (pthread_getaffinity_np(pthread_self(), sizeof(allowed), &allowed) != 0) CPU_ZERO(&allowed);
  }
  /** For all helpers, when the caller has moved; or some of them are new. */
  template <class Helpers> void place(const Helpers& helpers, bool started) {
    const int here = sched_getcpu();
    if ((here == avoided && !started) || here < 0 || CPU_COUNT(&allowed) < 2) return;
    avoided = here;
    cpu_set_t others = allowed;
    if (here < CPU_SETSIZE) CPU_CLR(here, &others);
    for (const auto& helper : helpers) pthread_setaffinity_np(helper->thread, sizeof(others), &others);
  }
#else
 public:
  template <class Helpers> void place(const Helpers&, bool) {}
#endif
};

class ThreadPool {
 public:
  typedef void (*Task)(void* context, int64_t chunk, int worker);

  ~ThreadPool() {
    stopping.store(true);
    for (auto& helper : helpers) helper->signal.post();
    for (auto& helper : helpers) pthread_join(helper->thread, nullptr);
  }

  /** Whether helpers are left alone for a while. */
  bool resting() const { return account.resting(now()); }

  /** Calls task(context, chunk, worker) for the chunks from 0, worker being below `threads`. Only ever called by the thread that owns the pool. */
  void run(int threads, int64_t chunks, Task task, void* context) {
    const int64_t began = now();
    if (running.load(std::memory_order_relaxed) || chunks >= largest || account.resting(began) || !ensure(threads - 1)) {
      for (int64_t chunk = 0; chunk < chunks; chunk++) task(context, chunk, 0);
      return;
    }
    running.store(true, std::memory_order_relaxed);
    this->task = task;
    this->context = context;
    limit.store(threads, std::memory_order_relaxed);
    done.store(0, std::memory_order_relaxed);
    generation = (generation + 1) & 0xffffff;
    ticket.store((generation << 40) | ((uint64_t)chunks << 20));
    const int64_t wanted = chunks - 1 < threads - 1 ? chunks - 1 : threads - 1;
    elsewhere.place(helpers, false);
    for (int64_t i = 0; i < wanted; i++)
      if (helpers[i]->asleep.exchange(false)) helpers[i]->signal.post();

    const int64_t from = computed();
    int64_t mine = 0;
    for (int64_t chunk = take(0); chunk >= 0; chunk = take(0)) {
      task(context, chunk, 0);
      mine++;
    }
    const int64_t spent = computed() - from, others = chunks - mine;
    if (done.load() < others) await(others);
    const int64_t ended = now();
    // Alone all chunks would have taken as long as those that were taken here, or less: threads share caches and the way to memory, and parts of a
    // product pack what they have in common twice.
    if (mine > 0) account.enter(spent * chunks / mine * 3 / 4 - (ended - began), ended);
    running.store(false, std::memory_order_relaxed);
  }

 private:
  static constexpr int64_t largest = 1 << 20;
  static constexpr int64_t spinNanoseconds = 10000;

  struct Helper {
    ThreadPool* pool;
    int worker;
    pthread_t thread;
    Signal signal;
    std::atomic<bool> asleep{false};
  };
  std::vector<std::unique_ptr<Helper>> helpers;
  std::atomic<bool> stopping{false};
  /** The work at hand: a generation (24 bits), how many chunks (20 bits), and which is next (20 bits). Taking one is one exchange. */
  std::atomic<uint64_t> ticket{0};
  std::atomic<int> limit{0};
  std::atomic<int64_t> done{0};
  std::atomic<bool> awaited{false};
  Signal finished;
  Task task = nullptr;
  void* context = nullptr;
  uint64_t generation = 0;
  std::atomic<bool> running{false};
  Account account;
  Elsewhere elsewhere;
  bool refused = false;

  /** The next chunk, which is then the worker's; -1 where there is none for it. */
  int64_t take(int worker) {
    uint64_t at = ticket.load();
    for (;;) {
      const uint64_t next = at & 0xfffff, count = (at >> 20) & 0xfffff;
      if (next >= count || worker >= limit.load(std::memory_order_relaxed)) return -1;
      if (ticket.compare_exchange_weak(at, at + 1)) return (int64_t)next;
    }
  }

  /** Waits for chunks that helpers have taken. */
  void await(int64_t others) {
    const int64_t ended = now();
    while (done.load() < others) {
      if (now() - ended < 2 * spinNanoseconds) {
        for (int i = 0; i < 16; i++) relax();
        continue;
      }
      awaited.store(true);
      if (done.load() < others) finished.wait();
      else if (!awaited.exchange(false)) finished.wait();
    }
  }

  /** Starts helpers until there are `count`; false where the system does not give them. */
  bool ensure(int count) {
    if ((int)helpers.size() >= count) return true;
    while ((int)helpers.size() < count && !refused) {
      auto helper = std::make_unique<Helper>();
      helper->pool = this;
      helper->worker = (int)helpers.size() + 1;
      // Signals are the business of the other threads.
      sigset_t all, before;
      sigfillset(&all);
      pthread_sigmask(SIG_SETMASK, &all, &before);
      refused = pthread_create(&helper->thread, nullptr, help, helper.get()) != 0;
      pthread_sigmask(SIG_SETMASK, &before, nullptr);
      if (!refused) helpers.push_back(std::move(helper));
    }
    elsewhere.place(helpers, true);
    return (int)helpers.size() >= count;
  }

  static void* help(void* argument) {
    Helper& helper = *static_cast<Helper*>(argument);
    helper.pool->serve(helper);
    return nullptr;
  }

  /** The life of a helper: it takes chunks, looks out for more for some microseconds, and sleeps. */
  void serve(Helper& helper) {
    int64_t idleSince = now();
    while (!stopping.load()) {
      const int64_t chunk = take(helper.worker);
      if (chunk >= 0) {
        task(context, chunk, helper.worker);
        done.fetch_add(1);
        if (awaited.exchange(false)) finished.post();
        idleSince = now();
        continue;
      }
      // One that woke too late for this call is awake for the next, which follows soon.
      const int64_t patience = running.load(std::memory_order_relaxed) ? 5 * spinNanoseconds : spinNanoseconds;
      if (now() - idleSince < patience) {
        for (int i = 0; i < 16; i++) relax();
        continue;
      }
      helper.asleep.store(true);
      // Work that came in between is seen here; otherwise whoever brings it sees that this thread sleeps.
      if (!hasWork(helper.worker) && !stopping.load()) helper.signal.wait();
      else if (!helper.asleep.exchange(false)) helper.signal.wait();
      helper.asleep.store(false);
      idleSince = now();
    }
  }

  bool hasWork(int worker) const {
    const uint64_t at = ticket.load();
    return (at & 0xfffff) < ((at >> 20) & 0xfffff) && worker < limit.load();
  }
};

}  // namespace flambeau_threads
