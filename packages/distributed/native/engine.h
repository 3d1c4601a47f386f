// The thread that makes every MPI call, and what it is asked to do.
#pragma once
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "library.h"
#include "watch.h"

namespace flambeau {

enum class Kind : int {
  allReduce,
  reduce,
  reduceScatter,
  broadcast,
  allGather,
  gather,
  scatter,
  barrier,
  send,
  receive,
  newGroup,
  leave,
  count
};

/** One collective or message. `send` and `receive` stay where they are until it is done; a null `send` means that `receive` is both. */
struct Task {
  uint32_t id = 0;
  Kind kind = Kind::barrier;
  int group = 0;
  Type type = Type::uint8;
  Reduction reduction = Reduction::sum;
  const void* send = nullptr;
  void* receive = nullptr;
  /** Elements of one rank's part. */
  int count = 0;
  /** The root, the other side of a message, or the color of a new group. */
  int peer = 0;
  /** The tag of a message, or the key in a new group. */
  int tag = 0;
  /** Ranks of a new group, by their rank in the world. */
  std::vector<int> members;
  double seconds = 0;
  /** What it is, for messages. */
  std::string label;
  /** What all ranks must agree on; empty where nobody compares. */
  std::string fingerprint;

  // What follows belongs to the thread.
  enum class State { queued, agreeing, running } state = State::queued;
  Handle request = 0;
  bool isMessage() const { return kind == Kind::send || kind == Kind::receive; }
  bool isForAll() const { return kind == Kind::newGroup || kind == Kind::leave; }
  Clock::time_point since;
  /** The how-manieth collective of its group this is, from 1. */
  uint32_t sequence = 0;
  std::vector<char> scratch;
};

struct Group {
  Handle communicator = 0;
  /** Where fingerprints are compared: what goes wrong in the communicator does not get there. */
  Handle shadow = 0;
  /** By their rank in the world. */
  std::vector<int> members;
};

/** How long to wait, in seconds. */
struct Limits {
  /** For all ranks to come into MPI_Init. */
  double start = 30;
  /** Without a sign of life of a rank. */
  double silence = 10;
};

class Engine {
 public:
  Mpi mpi;
  int rank = 0;
  int size = 1;
  int threadLevel = 0;

  /** Starts the thread and MPI in it; the error, or an empty string. `done` is called from the thread for each task. */
  std::string start(const Limits& limits, bool debug, std::function<void(uint32_t id, const std::string& error)> done);
  uint32_t submit(std::unique_ptr<Task> task);
  /** Blocks until a task is done; its error, or an empty string. */
  std::string wait(uint32_t id);
  /** Lets go of the result of a task that `wait` was not asked about. */
  void forget(uint32_t id);
  /** Tells all ranks why the job ends, so that their tasks fail with it; returns when the messages are on their way. */
  void fail(const std::string& reason);
  /** Ends the thread, without MPI_Finalize unless a `leave` was done. */
  void stop();

 private:
  friend class Watch;
  Limits limits;
  bool debug = false;
  std::function<void(uint32_t, const std::string&)> done;
  std::thread thread;

  // Shared, under the mutex.
  std::mutex mutex;
  std::condition_variable arrived;   // for the thread: something to do
  std::condition_variable finished;  // for those who wait: something is done
  std::deque<std::unique_ptr<Task>> inbox;
  std::map<uint32_t, std::string> results;  // of tasks that are done
  std::set<uint32_t> unfinished;
  uint32_t lastId = 0;
  int waiters = 0;
  uint32_t entered[Beat::groups] = {};
  bool stopping = false;
  bool started = false;
  std::string startError;
  std::string toFail;
  bool told = false;

  // Of the thread.
  std::vector<std::unique_ptr<Task>> tasks;
  /** Tasks that failed under way: MPI may still use their memory. */
  std::vector<std::unique_ptr<Task>> abandoned;
  std::map<int, Group> groups;
  std::map<int, Handle> operations;
  std::unique_ptr<Watch> watch;
  bool left = false;
  /** Since when nothing has moved. */
  Clock::time_point moved;
  bool resting = false;

  enum class Step { blocked, waiting, ready, complete };
  void run();
  std::string initialize();
  /** Moves what was asked for to the tasks; false when the thread must end. */
  bool takeInbox();
  /** Starts and tests tasks; true when something happened. */
  bool advance();
  Step agree(Task& task, std::string& error);
  int begin(Task& task);
  std::string makeGroup(Task& task);
  std::string disagreement(const Task& task) const;
  bool test(Handle& request, std::string& error);
  void rest();
  void finish(uint32_t id, const std::string& error);
  void failAll(const std::string& reason);
  Handle operation(Type type, Reduction reduction);
};

}  // namespace flambeau
