#include "obituary.h"

#if defined(__linux__)
#include <cerrno>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <thread>
#include <unistd.h>

namespace flambeau {
namespace {

pthread_mutex_t* mutexAt(void* memory, size_t index) { return static_cast<pthread_mutex_t*>(memory) + index; }

void* map(int file, size_t count) {
  if (file < 0) return nullptr;
  void* memory = mmap(nullptr, count * sizeof(pthread_mutex_t), PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  close(file);
  return memory == MAP_FAILED ? nullptr : memory;
}

/** Lets this thread run as soon as it wakes, before the launcher does on a busy machine; where that is not allowed it takes its turn. */
void hurry() {
  sched_param first = {};
  first.sched_priority = 1;
  if (pthread_setschedparam(pthread_self(), SCHED_RR, &first) != 0) setpriority(PRIO_PROCESS, 0, -20);
}

}  // namespace

void Obituary::create(const std::string& name, size_t count) {
  shm_unlink(name.c_str());
  const int file = shm_open(name.c_str(), O_CREAT | O_EXCL | O_RDWR, 0600);
  if (file < 0) return;
  if (ftruncate(file, static_cast<off_t>(count * sizeof(pthread_mutex_t))) != 0) {
    close(file);
    return;
  }
  memory = map(file, count);
  if (memory == nullptr) return;
  pthread_mutexattr_t attributes;
  pthread_mutexattr_init(&attributes);
  pthread_mutexattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED);
  pthread_mutexattr_setrobust(&attributes, PTHREAD_MUTEX_ROBUST);
  for (size_t i = 0; i < count; i++) pthread_mutex_init(mutexAt(memory, i), &attributes);
  pthread_mutexattr_destroy(&attributes);
}

void Obituary::open(const std::string& name, size_t count) { memory = map(shm_open(name.c_str(), O_RDWR, 0600), count); }

void Obituary::forget(const std::string& name) { shm_unlink(name.c_str()); }

void Obituary::hold(size_t index) {
  if (memory == nullptr) return;
  held = mutexAt(memory, index);
  pthread_mutex_lock(static_cast<pthread_mutex_t*>(held));
}

void Obituary::release() {
  if (held != nullptr) pthread_mutex_unlock(static_cast<pthread_mutex_t*>(held));
  held = nullptr;
}

void Obituary::watch(size_t index, const std::string& text) {
  if (memory == nullptr) return;
  shared = std::make_shared<Shared>();
  shared->text = text;
  // It waits until the other process ends, in whatever way; nobody waits for it.
  std::thread([context = shared, mutex = mutexAt(memory, index)] {
    hurry();
    const int status = pthread_mutex_lock(mutex);
    if (status == EOWNERDEAD && !context->judged.exchange(true)) {
      const ssize_t written = write(STDERR_FILENO, context->text.data(), context->text.size());
      (void)written;
    }
    if (status == EOWNERDEAD) pthread_mutex_consistent(mutex);
    if (status == 0 || status == EOWNERDEAD) pthread_mutex_unlock(mutex);
  }).detach();
}

bool Obituary::judge(const std::string& reason) {
  return shared != nullptr && shared->judged.exchange(true) && shared->text.find(reason) != std::string::npos;
}

}  // namespace flambeau
#else
namespace flambeau {
void Obituary::create(const std::string&, size_t) {}
void Obituary::open(const std::string&, size_t) {}
void Obituary::forget(const std::string&) {}
void Obituary::hold(size_t) {}
void Obituary::release() {}
void Obituary::watch(size_t, const std::string&) {}
bool Obituary::judge(const std::string&) { return false; }
}  // namespace flambeau
#endif
