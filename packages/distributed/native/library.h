// MPI without its headers: the functions that are used, found in a libmpi that is opened at run time, and the handles of its family.
#pragma once
#include <cstdint>
#include <string>

namespace flambeau {

/**
 * A communicator, datatype, request and so on. In Open MPI's family handles are pointers, in MPICH's 32-bit integers; both pass through a
 * 64-bit register, and an integer that is written into the low half of a zeroed word is that word.
 */
using Handle = uintptr_t;

constexpr int threadSerialized = 2;

/** Element types, in the order of core's table. */
enum class Type : int { boolean, uint8, int8, int16, int32, uint32, int64, float16, bfloat16, float32, float64, count };
/** Reductions. A mean is a sum that is divided afterwards. */
enum class Reduction : int { sum, product, minimum, maximum, mean, count };

constexpr int typeBytes[] = {1, 1, 1, 2, 4, 4, 8, 2, 2, 4, 8};

struct Mpi {
  std::string family;   // "Open MPI" or "MPICH"
  std::string version;  // what the library says of itself, its first line
  std::string path;

  Handle world, commNull, requestNull, errorsReturn, byte;
  Handle types[static_cast<int>(Type::count)];
  Handle sum, product, minimum, maximum;
  void* inPlace;
  void* statusIgnore;
  int anySource;
  int undefined;

  int (*InitThread)(int*, char***, int, int*);
  int (*Finalize)();
  int (*Abort)(Handle, int);
  int (*CommRank)(Handle, int*);
  int (*CommSize)(Handle, int*);
  int (*CommDup)(Handle, Handle*);
  int (*CommSplit)(Handle, int, int, Handle*);
  int (*CommSetErrhandler)(Handle, Handle);
  int (*OpCreate)(void (*)(void*, void*, int*, void*), int, Handle*);
  int (*Iallreduce)(const void*, void*, int, Handle, Handle, Handle, Handle*);
  int (*Ireduce)(const void*, void*, int, Handle, Handle, int, Handle, Handle*);
  int (*IreduceScatterBlock)(const void*, void*, int, Handle, Handle, Handle, Handle*);
  int (*Ibcast)(void*, int, Handle, int, Handle, Handle*);
  int (*Iallgather)(const void*, int, Handle, void*, int, Handle, Handle, Handle*);
  int (*Igather)(const void*, int, Handle, void*, int, Handle, int, Handle, Handle*);
  int (*Iscatter)(const void*, int, Handle, void*, int, Handle, int, Handle, Handle*);
  int (*Ibarrier)(Handle, Handle*);
  int (*Isend)(const void*, int, Handle, int, int, Handle, Handle*);
  int (*Irecv)(void*, int, Handle, int, int, Handle, Handle*);
  int (*Test)(Handle*, int*, void*);
  int (*Cancel)(Handle*);
  int (*RequestFree)(Handle*);
  int (*ErrorString)(int, char*, int*);
  int (*GetLibraryVersion)(char*, int*);

  /** Opens a library and finds everything in it; the error, or an empty string. */
  std::string open(const char* path);
  /** MPI's sentence about an error code. */
  std::string sentence(int code) const;

 private:
  void* library = nullptr;
  std::string findFunctions();
  std::string findOpenMpiHandles();
  void setMpichHandles();
};

}  // namespace flambeau
