// Tells of a process that dies before anybody else can: MPICH's launcher kills the others of a job, without a chance to speak, as soon as it
// sees one die. Robust mutexes in shared memory are given up by the kernel before it closes the files by which the launcher sees it.
#pragma once
#include <atomic>
#include <memory>
#include <string>

namespace flambeau {

class Obituary {
 public:
  /** Makes the shared memory for the processes of this host. */
  void create(const std::string& name, size_t count);
  void open(const std::string& name, size_t count);
  /** Removes its name, once all have opened it. */
  void forget(const std::string& name);
  /** Takes the own mutex, which the kernel gives up when this thread dies. */
  void hold(size_t index);
  void release();
  /** Prints a text as soon as another process gives up its mutex by dying. */
  void watch(size_t index, const std::string& text);
  /** Notes that there is a verdict; from now on nothing is printed. @return true when it has been printed already */
  bool judge(const std::string& reason);

 private:
  struct Shared {
    std::atomic<bool> judged{false};
    std::string text;
  };
  void* memory = nullptr;
  void* held = nullptr;
  std::shared_ptr<Shared> shared;
};

}  // namespace flambeau
