#include "watch.h"

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <poll.h>
#include <unistd.h>
#if defined(__linux__)
#include <sys/syscall.h>
#endif

#include "engine.h"

namespace flambeau {
namespace {

constexpr char gone[] = " has died: its process is gone";
constexpr double lookSeconds = 0.005, beatSeconds = 0.5;
/** What a program has to end itself after a verdict, before the job is aborted. */
constexpr int graceSeconds = 5;

volatile std::sig_atomic_t terminated = 0;

/** A file descriptor that tells when a process has ended; -1 where there is none. */
int openProcess(int pid) {
#if defined(__linux__) && defined(SYS_pidfd_open)
  return static_cast<int>(syscall(SYS_pidfd_open, pid, 0));
#else
  (void)pid;
  return -1;
#endif
}

/** What tells process numbers of two containers of one host apart. */
uint64_t processSpace() {
  char link[64] = {};
  const ssize_t length = readlink("/proc/self/ns/pid", link, sizeof link - 1);
  uint64_t hash = 1469598103934665603u;
  for (ssize_t i = 0; i < length; i++) hash = (hash ^ static_cast<unsigned char>(link[i])) * 1099511628211u;
  return hash;
}

std::string seconds(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.3g s", value);
  return text;
}

}  // namespace

std::string Watch::start() {
  const Mpi& mpi = engine.mpi;
  int status = mpi.CommDup(mpi.world, &communicator);
  if (status != 0) return "MPI_Comm_dup failed: " + mpi.sentence(status);
  Place here = {};
  gethostname(here.host, sizeof here.host - 1);
  here.pid = getpid();
  here.space = processSpace();
  places.resize(static_cast<size_t>(engine.size));
  Handle request = 0;
  status = mpi.Iallgather(&here, sizeof here, mpi.byte, places.data(), sizeof here, mpi.byte, communicator, &request);
  for (int flag = 0; status == 0 && flag == 0;) status = mpi.Test(&request, &flag, mpi.statusIgnore);
  if (status != 0) return "MPI_Iallgather failed: " + mpi.sentence(status);

  for (int i = 0; i < engine.size; i++) {
    const Place& place = places[static_cast<size_t>(i)];
    if (i == engine.rank || place.space != here.space || std::strcmp(place.host, here.host) != 0) continue;
    const int descriptor = openProcess(place.pid);
    if (descriptor >= 0) processes[i] = descriptor;
  }
  std::vector<int> local;
  for (int i = 0; i < engine.size; i++) {
    const Place& place = places[static_cast<size_t>(i)];
    if (place.space == here.space && std::strcmp(place.host, here.host) == 0) local.push_back(i);
  }
  // The first makes what all share, and each is watched by the one before it.
  const size_t count = local.size();
  const size_t mine = static_cast<size_t>(std::find(local.begin(), local.end(), engine.rank) - local.begin());
  const std::string shared = "/flambeau." + std::to_string(places[static_cast<size_t>(local[0])].pid);
  if (mine == 0) obituary.create(shared, count);
  barrier();
  if (mine != 0) obituary.open(shared, count);
  obituary.hold(mine);
  barrier();
  if (mine == 0) obituary.forget(shared);
  const int watched = local[(mine + 1) % count];
  if (count > 1) obituary.watch((mine + 1) % count, "flambeau distributed: " + name(watched) + gone + "\n");

  last.assign(static_cast<size_t>(engine.size), Beat{});
  heard.assign(static_cast<size_t>(engine.size), Clock::now());
  incomingVerdict.assign(verdictBytes, 0);
  listen();

  // The launcher ends the others of a job with SIGTERM: there is time to say why.
  struct sigaction before;
  if (sigaction(SIGTERM, nullptr, &before) == 0 && before.sa_handler == SIG_DFL) {
    struct sigaction handler = {};
    handler.sa_handler = [](int) { terminated = 1; };
    sigaction(SIGTERM, &handler, nullptr);
  }
  return "";
}

void Watch::barrier() {
  Handle request = 0;
  engine.mpi.Ibarrier(communicator, &request);
  for (int flag = 0; flag == 0;)
    if (engine.mpi.Test(&request, &flag, engine.mpi.statusIgnore) != 0) return;
}

void Watch::release() { obituary.release(); }

Watch::~Watch() {
  release();
  for (const auto& [rank, descriptor] : processes) close(descriptor);
  // Nobody will send these any more.
  for (Handle* request : {&incomingRequest, &verdictRequest}) {
    engine.mpi.Cancel(request);
    engine.mpi.RequestFree(request);
  }
}

void Watch::listen() {
  const Mpi& mpi = engine.mpi;
  if (incomingRequest == 0) mpi.Irecv(&incoming, sizeof incoming, mpi.byte, mpi.anySource, beatTag, communicator, &incomingRequest);
  if (verdictRequest == 0)
    mpi.Irecv(incomingVerdict.data(), verdictBytes, mpi.byte, mpi.anySource, verdictTag, communicator, &verdictRequest);
}

std::string Watch::name(int rank) const {
  const Place& place = places[static_cast<size_t>(rank)];
  return "rank " + std::to_string(rank) + " of " + std::to_string(engine.size) + " (host " + place.host + ", process " +
         std::to_string(place.pid) + ")";
}

void Watch::send(int to, int tag, const void* bytes, size_t length) {
  if (to == engine.rank) return;
  auto message = std::make_unique<Outgoing>();
  message->bytes.assign(static_cast<const char*>(bytes), static_cast<const char*>(bytes) + length);
  message->to = to;
  message->beat = tag == beatTag;
  engine.mpi.Isend(message->bytes.data(), static_cast<int>(length), engine.mpi.byte, to, tag, communicator, &message->request);
  outgoing.push_back(std::move(message));
}

void Watch::tell(const std::string& reason) {
  if (!verdict.empty()) return;
  decide(reason);
}

void Watch::decide(const std::string& reason) {
  verdict = reason;
  deadline = Clock::now() + std::chrono::seconds(graceSeconds);
  // Where the dead is the one whom the obituary watches, that has been printed.
  if (!obituary.judge(reason)) std::fprintf(stderr, "flambeau distributed: %s\n", reason.c_str());
  std::fflush(stderr);
  std::string text = reason.substr(0, verdictBytes - 1);
  text.resize(verdictBytes);
  for (int i = 0; i < engine.size; i++) send(i, verdictTag, text.data(), text.size());
}

Beat Watch::state() const {
  Beat beat = {};
  beat.rank = engine.rank;
  beat.leaving = leaving ? 1 : 0;
  {
    std::lock_guard<std::mutex> lock(engine.mutex);
    std::memcpy(beat.entered, engine.entered, sizeof beat.entered);
  }
  beat.group = -1;
  for (const auto& task : engine.tasks) {
    if (task->seconds <= 0) continue;
    const float waited = static_cast<float>(secondsSince(task->since));
    if (beat.group >= 0 && waited - static_cast<float>(task->seconds) <= beat.waited - beat.limit) continue;
    beat.group = task->group;
    beat.sequence = task->sequence;
    beat.peer = task->isMessage() ? task->peer : -1;
    beat.waited = waited;
    beat.limit = static_cast<float>(task->seconds);
    std::strncpy(beat.label, task->label.c_str(), sizeof beat.label - 1);
  }
  return beat;
}

std::string Watch::lookForDead() {
  std::string names;
  for (const auto& [rank, descriptor] : processes) {
    struct pollfd look = {descriptor, POLLIN, 0};
    if (poll(&look, 1, 0) > 0) names += (names.empty() ? "" : " and ") + name(rank);
  }
  return names;
}

/** @return true when the process has been asked to end */
bool Watch::takeSignal() {
  if (terminated == 0) return false;
  std::string dead;
  for (int i = 0; i < 10 && dead.empty() && verdict.empty(); i++) {
    dead = lookForDead();
    if (dead.empty()) usleep(5000);
  }
  if (!dead.empty() && verdict.empty()) decide(dead + gone);
  std::signal(SIGTERM, SIG_DFL);
  std::raise(SIGTERM);
  return true;
}

void Watch::judgeSilence() {
  for (int i = 0; i < engine.size; i++) {
    // Rank 0 hears all; the others hear rank 0.
    if (i == engine.rank || (engine.rank != 0 && i != 0)) continue;
    const double silent = secondsSince(heard[static_cast<size_t>(i)]);
    if (silent > engine.limits.silence)
      return decide(name(i) + " has not been heard of for " + seconds(silent) + ": it is stopped, or its host cannot be reached");
  }
}

/** Rank 0 looks who it is that a rank waits for. */
void Watch::judgeWaiting(const Beat& beat) {
  if (beat.group < 0) return;
  const bool late = beat.waited > beat.limit;
  const std::string what = std::string(beat.label) + " in rank " + std::to_string(beat.rank);
  if (beat.sequence == 0) {
    if (!late && (beat.peer < 0 || last[static_cast<size_t>(beat.peer)].leaving == 0)) return;
    const std::string who = beat.peer < 0 ? "nobody has sent anything" : name(beat.peer) + " has not come to meet it";
    return decide(what + " has waited " + seconds(beat.waited) + ": " + who);
  }
  const auto group = engine.groups.find(beat.group);
  if (beat.group >= Beat::groups || group == engine.groups.end()) {
    if (late) decide(what + " has waited " + seconds(beat.waited) + " for another rank of its group");
    return;
  }
  std::string missing;
  bool gone = false;
  for (const int member : group->second.members) {
    const Beat& other = member == engine.rank ? beat : last[static_cast<size_t>(member)];
    const uint32_t entered = member == engine.rank ? state().entered[beat.group] : other.entered[beat.group];
    const bool leaves = member == engine.rank ? leaving : other.leaving != 0;
    if (member == beat.rank || entered >= beat.sequence || (leaves && beat.sequence == Beat::afterAll)) continue;
    gone = gone || leaves;
    missing += (missing.empty() ? "" : " and ") + name(member) + (leaves ? " has left" : " has not entered it");
  }
  if (!late && !gone) return;
  if (missing.empty()) {
    missing = "all ranks have entered it, but it does not end: do they call the same collectives in the same order? The option debug: true compares them";
  }
  decide(what + " has waited " + seconds(beat.waited) + ": " + missing);
}

void Watch::tick() {
  if (secondsSince(lastTick) < lookSeconds) return;
  lastTick = Clock::now();
  if (takeSignal()) return;
  const Mpi& mpi = engine.mpi;
  const bool due = secondsSince(lastBeat) > beatSeconds;
  int flag = 0;
  // A rank whose verdict is on its way is more worth hearing than its death.
  if (mpi.Test(&verdictRequest, &flag, mpi.statusIgnore) == 0 && flag != 0) {
    verdictRequest = 0;
    if (verdict.empty()) {
      verdict = incomingVerdict.data();
      obituary.judge(verdict);
      deadline = Clock::now() + std::chrono::seconds(graceSeconds);
    }
    listen();
  }
  for (int taken = 0; taken < 2 * engine.size; taken++) {
    if (mpi.Test(&incomingRequest, &flag, mpi.statusIgnore) != 0 || flag == 0) break;
    const auto from = static_cast<size_t>(incoming.rank);
    last[from] = incoming;
    heard[from] = Clock::now();
    incomingRequest = 0;
    listen();
    if (engine.rank == 0 && verdict.empty()) judgeWaiting(last[from]);
  }
  for (size_t i = 0; i < outgoing.size();) {
    flag = 0;
    const int status = mpi.Test(&outgoing[i]->request, &flag, mpi.statusIgnore);
    if (status != 0 || flag != 0) outgoing.erase(outgoing.begin() + static_cast<std::ptrdiff_t>(i));
    else i++;
  }
  if (!verdict.empty()) {
    if (Clock::now() > deadline) {
      std::fprintf(stderr, "flambeau distributed: %s ends the job: %s\n", name(engine.rank).c_str(), verdict.c_str());
      std::fflush(stderr);
      mpi.Abort(mpi.world, 1);
      std::_Exit(1);
    }
    return;
  }
  if (!leaving) {
    const std::string dead = lookForDead();
    if (!dead.empty()) return decide(dead + gone);
  }
  if (!due || engine.size == 1) return;
  lastBeat = Clock::now();
  const Beat beat = state();
  const auto beatTo = [&](int to) {
    for (const auto& message : outgoing)
      if (message->beat && message->to == to) return;
    send(to, beatTag, &beat, sizeof beat);
  };
  if (engine.rank != 0) beatTo(0);
  else
    for (int i = 1; i < engine.size; i++) beatTo(i);
  if (!leaving) judgeSilence();
  if (engine.rank == 0 && verdict.empty()) judgeWaiting(beat);
  // Rank 0 should have judged this long ago.
  if (verdict.empty() && beat.group >= 0 && beat.waited > beat.limit + 5)
    decide(std::string(beat.label) + " in rank " + std::to_string(engine.rank) + " has waited " + seconds(beat.waited));
}

}  // namespace flambeau
