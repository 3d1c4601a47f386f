#include "engine.h"

#include <sched.h>

#include <cstring>

#include "reduction.h"

namespace flambeau {
namespace {

/** Bytes of a fingerprint as it is exchanged. */
constexpr int fingerprintBytes = 256;
/** Open MPI's algorithm for few ranks is also the one in place; for more it has better ones, which want two buffers. */
constexpr int64_t outOfPlaceBytes = 65536;
/** How long a small collective is looked at without sleeping while somebody waits for it, and how fast bytes move at least. */
constexpr double leastSpinSeconds = 2e-3, slowBytesPerSecond = 0.5e9;

}  // namespace

std::string Engine::start(const Limits& given, bool compare, std::function<void(uint32_t, const std::string&)> callback) {
  limits = given;
  debug = compare;
  done = std::move(callback);
  thread = std::thread([this] { run(); });
  std::unique_lock<std::mutex> lock(mutex);
  if (!finished.wait_for(lock, std::chrono::duration<double>(limits.start), [this] { return started; })) {
    // MPI_Init cannot be called off: the thread is left behind in it.
    thread.detach();
    return "not all ranks have started within " + std::to_string(static_cast<int>(limits.start)) + " s";
  }
  return startError;
}

uint32_t Engine::submit(std::unique_ptr<Task> task) {
  std::lock_guard<std::mutex> lock(mutex);
  const uint32_t id = task->id = ++lastId;
  task->since = Clock::now();
  if (task->kind == Kind::leave) task->sequence = Beat::afterAll;
  else if (!task->isMessage() && task->group < Beat::groups) task->sequence = ++entered[task->group];
  unfinished.insert(id);
  inbox.push_back(std::move(task));
  arrived.notify_one();
  return id;
}

std::string Engine::wait(uint32_t id) {
  std::unique_lock<std::mutex> lock(mutex);
  waiters++;
  arrived.notify_one();
  finished.wait(lock, [&] { return unfinished.count(id) == 0; });
  waiters--;
  const auto found = results.find(id);
  if (found == results.end()) return "";
  std::string error = std::move(found->second);
  results.erase(found);
  return error;
}

void Engine::forget(uint32_t id) {
  std::lock_guard<std::mutex> lock(mutex);
  results.erase(id);
}

void Engine::fail(const std::string& reason) {
  std::unique_lock<std::mutex> lock(mutex);
  toFail = reason;
  arrived.notify_one();
  finished.wait_for(lock, std::chrono::milliseconds(500), [this] { return told; });
}

void Engine::stop() {
  if (!thread.joinable()) return;
  {
    std::lock_guard<std::mutex> lock(mutex);
    stopping = true;
    arrived.notify_one();
  }
  thread.join();
}

std::string Engine::initialize() {
  int status = mpi.InitThread(nullptr, nullptr, threadSerialized, &threadLevel);
  if (status != 0) return "MPI_Init_thread failed: " + mpi.sentence(status);
  mpi.CommSetErrhandler(mpi.world, mpi.errorsReturn);
  if (threadLevel < threadSerialized) {
    mpi.Finalize();
    return "MPI_THREAD_SERIALIZED is needed, and the library gives thread level " + std::to_string(threadLevel);
  }
  mpi.CommRank(mpi.world, &rank);
  mpi.CommSize(mpi.world, &size);
  Group world;
  for (int i = 0; i < size; i++) world.members.push_back(i);
  status = mpi.CommDup(mpi.world, &world.communicator);
  if (status == 0) status = mpi.CommDup(mpi.world, &world.shadow);
  if (status != 0) return "MPI_Comm_dup failed: " + mpi.sentence(status);
  groups[0] = world;
  watch = std::make_unique<Watch>(*this);
  return watch->start();
}

void Engine::run() {
  const std::string error = initialize();
  {
    std::lock_guard<std::mutex> lock(mutex);
    started = true;
    startError = error;
    finished.notify_all();
  }
  if (!error.empty()) return;
  while (takeInbox()) {
    const bool any = advance();
    if (!left) {
      watch->tick();
      if (!watch->verdict.empty()) failAll(watch->verdict);
    }
    if (any) resting = false;
    else rest();
  }
  if (watch != nullptr) watch->release();
}

bool Engine::takeInbox() {
  std::unique_lock<std::mutex> lock(mutex);
  if (tasks.empty() && inbox.empty() && !stopping && toFail.empty()) arrived.wait_for(lock, std::chrono::milliseconds(10));
  for (auto& task : inbox) tasks.push_back(std::move(task));
  if (!inbox.empty()) resting = false;
  inbox.clear();
  if (!toFail.empty() && !told) {
    const std::string reason = toFail;
    lock.unlock();
    if (!left && watch->verdict.empty()) watch->tell(reason);
    lock.lock();
    told = true;
    finished.notify_all();
  }
  return !stopping;
}

/**
 * Between two looks at what has not moved: for about as long as the bytes that are under way should take, it just lets others run; later it
 * sleeps, so that computing threads have the processor.
 */
void Engine::rest() {
  if (tasks.empty()) return;
  bool waiting;
  {
    std::lock_guard<std::mutex> lock(mutex);
    waiting = waiters > 0;
  }
  if (!resting) {
    resting = true;
    moved = Clock::now();
  }
  int64_t bytes = 0;
  for (const auto& task : tasks)
    if (task->state == Task::State::running) bytes += static_cast<int64_t>(task->count) * typeBytes[static_cast<int>(task->type)];
  const double expected = (waiting ? leastSpinSeconds : 0) + static_cast<double>(bytes) / slowBytesPerSecond;
  if (secondsSince(moved) < expected) sched_yield();
  else std::this_thread::sleep_for(std::chrono::microseconds(20));
}

bool Engine::test(Handle& request, std::string& error) {
  int flag = 0;
  const int status = mpi.Test(&request, &flag, mpi.statusIgnore);
  if (status != 0) error = mpi.sentence(status);
  return status != 0 || flag != 0;
}

bool Engine::advance() {
  bool any = false;
  bool forAll = false;
  std::set<int> held;  // groups in which an earlier collective has not begun
  for (size_t i = 0; i < tasks.size();) {
    Task& task = *tasks[i];
    std::string error;
    bool complete = false;
    if (task.state != Task::State::running) {
      Step step = Step::ready;
      if (!task.isMessage()) {
        const bool behind = forAll || held.count(task.group) != 0 || (task.kind == Kind::leave && i > 0);
        step = behind ? Step::blocked : agree(task, error);
      }
      if (step == Step::ready) {
        const int status = begin(task);
        task.state = Task::State::running;
        if (status != 0) error = mpi.sentence(status);
        any = true;
      } else if (step == Step::complete) {
        complete = true;
      } else if (error.empty()) {
        held.insert(task.group);
        forAll = forAll || task.isForAll();
        i++;
        continue;
      }
    }
    if (!complete && error.empty()) complete = test(task.request, error);
    if (!complete && error.empty()) {
      i++;
      continue;
    }
    any = true;
    const bool divides = task.kind == Kind::allReduce || task.kind == Kind::reduceScatter ||
                         (task.kind == Kind::reduce && groups[task.group].members[task.peer] == rank);
    if (error.empty() && divides && task.reduction == Reduction::mean) {
      divide(task.type, task.receive, task.count, static_cast<int>(groups[task.group].members.size()));
    }
    const uint32_t id = task.id;
    if (!error.empty()) {
      error = task.label + ": " + error;
      abandoned.push_back(std::move(tasks[i]));
    }
    tasks.erase(tasks.begin() + static_cast<std::ptrdiff_t>(i));
    finish(id, error);
  }
  return any;
}

/** What must have happened in all ranks before a collective may begin. */
Engine::Step Engine::agree(Task& task, std::string& error) {
  const Group& group = groups[task.group];
  const bool compares = !task.fingerprint.empty() && group.members.size() > 1;
  if (task.state == Task::State::queued) {
    int status = 0;
    if (task.isForAll()) {
      // What follows blocks: nobody begins it before all have come.
      if (task.kind == Kind::leave) watch->leaving = true;
      status = mpi.Ibarrier(group.shadow, &task.request);
    } else if (compares) {
      task.scratch.assign(fingerprintBytes * (group.members.size() + 1), 0);
      std::strncpy(task.scratch.data(), task.fingerprint.c_str(), fingerprintBytes - 1);
      status = mpi.Iallgather(task.scratch.data(), fingerprintBytes, mpi.byte, task.scratch.data() + fingerprintBytes, fingerprintBytes,
                              mpi.byte, group.shadow, &task.request);
    } else {
      return Step::ready;
    }
    task.state = Task::State::agreeing;
    if (status != 0) error = mpi.sentence(status);
    if (status != 0) return Step::waiting;
  }
  if (!test(task.request, error) || !error.empty()) return Step::waiting;
  if (task.kind == Kind::newGroup) {
    error = makeGroup(task);
    return Step::complete;
  }
  if (task.kind == Kind::leave) {
    watch.reset();
    const int status = mpi.Finalize();
    if (status != 0) error = "MPI_Finalize failed";
    left = true;
    return Step::complete;
  }
  error = disagreement(task);
  if (error.empty()) return Step::ready;
  watch->tell(error);
  return Step::waiting;
}

std::string Engine::disagreement(const Task& task) const {
  const Group& group = groups.at(task.group);
  const char* prints = task.scratch.data() + fingerprintBytes;
  for (size_t i = 1; i < group.members.size(); i++) {
    if (std::strncmp(prints, prints + i * fingerprintBytes, fingerprintBytes) == 0) continue;
    return "the ranks do not agree on collective " + std::to_string(task.sequence) + " of their group: rank " +
           std::to_string(group.members[0]) + " calls " + prints + ", rank " + std::to_string(group.members[i]) + " calls " +
           (prints + i * fingerprintBytes);
  }
  return "";
}

std::string Engine::makeGroup(Task& task) {
  Group group;
  group.members = task.members;
  int status = mpi.CommSplit(mpi.world, task.peer < 0 ? mpi.undefined : task.peer, task.tag, &group.communicator);
  if (status == 0 && task.peer >= 0) status = mpi.CommSetErrhandler(group.communicator, mpi.errorsReturn);
  if (status == 0 && task.peer >= 0) status = mpi.CommDup(group.communicator, &group.shadow);
  if (status != 0) return mpi.sentence(status);
  // The index of the new group travels as the count.
  groups[task.count] = group;
  return "";
}

Handle Engine::operation(Type type, Reduction reduction) {
  const int key = static_cast<int>(type) * static_cast<int>(Reduction::count) + static_cast<int>(reduction);
  const auto known = operations.find(key);
  if (known != operations.end()) return known->second;
  Handle operation = 0;
  Combine* own = combineFor(type, reduction);
  if (own != nullptr) {
    mpi.OpCreate(own, 1, &operation);
  } else {
    // Of bools, the sum is "any" and the product "all".
    const bool boolean = type == Type::boolean;
    switch (reduction) {
      case Reduction::product:
        operation = boolean ? mpi.minimum : mpi.product;
        break;
      case Reduction::minimum:
        operation = mpi.minimum;
        break;
      case Reduction::maximum:
        operation = mpi.maximum;
        break;
      default:
        operation = boolean ? mpi.maximum : mpi.sum;
    }
  }
  operations[key] = operation;
  return operation;
}

int Engine::begin(Task& task) {
  Group& group = groups[task.group];
  const Handle communicator = group.communicator;
  const Handle type = mpi.types[static_cast<int>(task.type)];
  const int count = task.count;
  Handle* request = &task.request;
  const bool isRoot = !task.isMessage() && task.peer >= 0 && task.peer < static_cast<int>(group.members.size()) && group.members[task.peer] == rank;
  switch (task.kind) {
    case Kind::allReduce: {
      const int64_t bytes = static_cast<int64_t>(count) * typeBytes[static_cast<int>(task.type)];
      const void* from = task.send == nullptr ? mpi.inPlace : task.send;
      if (task.send == nullptr && mpi.family == "Open MPI" && group.members.size() >= 4 && bytes >= outOfPlaceBytes) {
        task.scratch.assign(static_cast<char*>(task.receive), static_cast<char*>(task.receive) + bytes);
        from = task.scratch.data();
      }
      return mpi.Iallreduce(from, task.receive, count, type, operation(task.type, task.reduction), communicator, request);
    }
    case Kind::reduce:
      return mpi.Ireduce(isRoot ? mpi.inPlace : task.receive, isRoot ? task.receive : nullptr, count, type,
                         operation(task.type, task.reduction), task.peer, communicator, request);
    case Kind::reduceScatter:
      return mpi.IreduceScatterBlock(task.send, task.receive, count, type, operation(task.type, task.reduction), communicator, request);
    case Kind::broadcast:
      return mpi.Ibcast(task.receive, count, type, task.peer, communicator, request);
    case Kind::allGather:
      return mpi.Iallgather(task.send, count, type, task.receive, count, type, communicator, request);
    case Kind::gather:
      return mpi.Igather(task.send, count, type, task.receive, count, type, task.peer, communicator, request);
    case Kind::scatter:
      return mpi.Iscatter(task.send, count, type, task.receive, count, type, task.peer, communicator, request);
    case Kind::barrier:
      return mpi.Ibarrier(communicator, request);
    case Kind::send:
      return mpi.Isend(task.send, count, type, task.peer, task.tag, communicator, request);
    case Kind::receive:
      return mpi.Irecv(task.receive, count, type, task.peer < 0 ? mpi.anySource : task.peer, task.tag, communicator, request);
    default:
      return 0;
  }
}

void Engine::finish(uint32_t id, const std::string& error) {
  {
    std::lock_guard<std::mutex> lock(mutex);
    unfinished.erase(id);
    if (!error.empty()) results[id] = error;
    finished.notify_all();
  }
  done(id, error);
}

void Engine::failAll(const std::string& reason) {
  std::vector<std::unique_ptr<Task>> failed = std::move(tasks);
  tasks.clear();
  for (auto& task : failed) {
    const uint32_t id = task->id;
    abandoned.push_back(std::move(task));
    finish(id, reason);
  }
}

}  // namespace flambeau
