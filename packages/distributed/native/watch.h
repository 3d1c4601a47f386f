// Who is alive and who is waited for: small messages beside the work, so that a rank that dies or stalls is named, and nobody waits for ever.
#pragma once
#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "library.h"
#include "obituary.h"

namespace flambeau {

using Clock = std::chrono::steady_clock;
inline double secondsSince(Clock::time_point then) { return std::chrono::duration<double>(Clock::now() - then).count(); }

class Engine;
struct Task;

/** What a rank tells rank 0, twice a second; rank 0 answers with its own. */
struct Beat {
  static constexpr int groups = 64;
  /** The number of leaving, which comes after all other collectives. */
  static constexpr uint32_t afterAll = UINT32_MAX;
  int32_t rank;
  /** 1 when it has asked to leave. */
  int32_t leaving;
  /** Collectives that it has entered, by group. */
  uint32_t entered[groups];
  /** The task that it has waited for longest: its group (-1 for none), its number there (0 for a message), the other side of a message. */
  int32_t group;
  uint32_t sequence;
  int32_t peer;
  float waited, limit;
  char label[160];
};

class Watch {
 public:
  explicit Watch(Engine& engine) : engine(engine) {}
  ~Watch();
  /** Learns where all ranks are (collective) and begins to listen. */
  std::string start();
  /** Lets go of what tells the others that this process has died: called by the thread when it ends. */
  void release();
  /** Looks and tells, when it is time. */
  void tick();
  /** Tells all other ranks that the job has failed. */
  void tell(const std::string& reason);
  /** The rank with its host and process, as messages name it. */
  std::string name(int rank) const;
  /** Why the job has failed; empty while it has not. */
  std::string verdict;
  /** When the program must have ended, if there is a verdict. */
  Clock::time_point deadline;
  /** True once all ranks have agreed to leave: those who are gone are missed by nobody. */
  bool leaving = false;

 private:
  static constexpr int beatTag = 1, verdictTag = 2, verdictBytes = 1024;
  struct Place {
    char host[64];
    uint64_t space;
    int32_t pid;
  };
  struct Outgoing {
    Handle request;
    std::vector<char> bytes;
    int to;
    bool beat;
  };
  Engine& engine;
  Handle communicator = 0;
  std::vector<Place> places;
  Obituary obituary;
  std::map<int, int> processes;  // file descriptors of processes on this host, by rank
  std::vector<Beat> last;
  std::vector<Clock::time_point> heard;
  Beat incoming;
  Handle incomingRequest = 0;
  std::vector<char> incomingVerdict;
  Handle verdictRequest = 0;
  std::vector<std::unique_ptr<Outgoing>> outgoing;
  Clock::time_point lastTick, lastBeat;

  void listen();
  void send(int to, int tag, const void* bytes, size_t length);
  Beat state() const;
  void judgeSilence();
  void judgeWaiting(const Beat& beat);
  std::string lookForDead();
  void decide(const std::string& reason);
  bool takeSignal();
  void barrier();
};

}  // namespace flambeau
