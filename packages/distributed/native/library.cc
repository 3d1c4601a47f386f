#include "library.h"

#include <dlfcn.h>

#include <cstdlib>
#include <cstring>

namespace flambeau {

std::string Mpi::findFunctions() {
  struct Entry {
    const char* name;
    void* slot;
  };
  const Entry entries[] = {
      {"MPI_Init_thread", &InitThread},
      {"MPI_Finalize", &Finalize},
      {"MPI_Abort", &Abort},
      {"MPI_Comm_rank", &CommRank},
      {"MPI_Comm_size", &CommSize},
      {"MPI_Comm_dup", &CommDup},
      {"MPI_Comm_split", &CommSplit},
      {"MPI_Comm_set_errhandler", &CommSetErrhandler},
      {"MPI_Op_create", &OpCreate},
      {"MPI_Iallreduce", &Iallreduce},
      {"MPI_Ireduce", &Ireduce},
      {"MPI_Ireduce_scatter_block", &IreduceScatterBlock},
      {"MPI_Ibcast", &Ibcast},
      {"MPI_Iallgather", &Iallgather},
      {"MPI_Igather", &Igather},
      {"MPI_Iscatter", &Iscatter},
      {"MPI_Ibarrier", &Ibarrier},
      {"MPI_Isend", &Isend},
      {"MPI_Irecv", &Irecv},
      {"MPI_Test", &Test},
      {"MPI_Cancel", &Cancel},
      {"MPI_Request_free", &RequestFree},
      {"MPI_Error_string", &ErrorString},
      {"MPI_Get_library_version", &GetLibraryVersion},
  };
  for (const Entry& entry : entries) {
    void* found = dlsym(library, entry.name);
    if (found == nullptr) return std::string("it has no ") + entry.name + " (MPI 3 is needed)";
    std::memcpy(entry.slot, &found, sizeof found);
  }
  return "";
}

// Open MPI 4 and 5: predefined handles are the addresses of exported objects.
std::string Mpi::findOpenMpiHandles() {
  struct Entry {
    const char* name;
    Handle* slot;
  };
  const Entry entries[] = {
      {"ompi_mpi_comm_world", &world},
      {"ompi_mpi_comm_null", &commNull},
      {"ompi_request_null", &requestNull},
      {"ompi_mpi_errors_return", &errorsReturn},
      {"ompi_mpi_byte", &byte},
      {"ompi_mpi_uint8_t", &types[static_cast<int>(Type::boolean)]},
      {"ompi_mpi_uint8_t", &types[static_cast<int>(Type::uint8)]},
      {"ompi_mpi_int8_t", &types[static_cast<int>(Type::int8)]},
      {"ompi_mpi_int16_t", &types[static_cast<int>(Type::int16)]},
      {"ompi_mpi_int32_t", &types[static_cast<int>(Type::int32)]},
      {"ompi_mpi_uint32_t", &types[static_cast<int>(Type::uint32)]},
      {"ompi_mpi_int64_t", &types[static_cast<int>(Type::int64)]},
      {"ompi_mpi_uint16_t", &types[static_cast<int>(Type::float16)]},
      {"ompi_mpi_uint16_t", &types[static_cast<int>(Type::bfloat16)]},
      {"ompi_mpi_float", &types[static_cast<int>(Type::float32)]},
      {"ompi_mpi_double", &types[static_cast<int>(Type::float64)]},
      {"ompi_mpi_op_sum", &sum},
      {"ompi_mpi_op_prod", &product},
      {"ompi_mpi_op_min", &minimum},
      {"ompi_mpi_op_max", &maximum},
  };
  for (const Entry& entry : entries) {
    void* found = dlsym(library, entry.name);
    if (found == nullptr) return std::string("it has no ") + entry.name;
    *entry.slot = reinterpret_cast<Handle>(found);
  }
  inPlace = reinterpret_cast<void*>(1);
  statusIgnore = nullptr;
  anySource = -1;
  undefined = -32766;
  return "";
}

// MPICH, and with it Intel MPI, MVAPICH and Cray MPICH: the ABI that they share fixes the integers.
// https://www.mpich.org/abi/
void Mpi::setMpichHandles() {
  world = 0x44000000;
  commNull = 0x04000000;
  requestNull = 0x2c000000;
  errorsReturn = 0x54000001;
  byte = 0x4c00010d;
  const Handle table[] = {0x4c00013b, 0x4c00013b, 0x4c000137, 0x4c000238, 0x4c000439, 0x4c00043d,
                          0x4c00083a, 0x4c00023c, 0x4c00023c, 0x4c00040a, 0x4c00080b};
  std::memcpy(types, table, sizeof table);
  maximum = 0x58000001;
  minimum = 0x58000002;
  sum = 0x58000003;
  product = 0x58000004;
  inPlace = reinterpret_cast<void*>(-1);
  statusIgnore = reinterpret_cast<void*>(1);
  anySource = -2;
  undefined = -32766;
}

std::string Mpi::open(const char* name) {
  // UCX, which MPICH and Open MPI may use, watches memory by patching brk and munmap in the running process. V8 has threads that are in the
  // middle of them, and a heap that shrinks under malloc is a crash. What the user has set stays.
  for (const char* variable : {"UCX_MEM_EVENTS", "UCX_MEM_MALLOC_HOOKS"}) setenv(variable, "n", 0);
  setenv("UCX_MEM_MMAP_HOOK_MODE", "none", 0);
  // Global, for Open MPI's own plugins look for its symbols.
  library = dlopen(name, RTLD_NOW | RTLD_GLOBAL);
  if (library == nullptr) {
    const char* reason = dlerror();
    return reason == nullptr ? "it could not be opened" : reason;
  }
  const std::string missing = findFunctions();
  if (!missing.empty()) return missing;
  Dl_info info;
  void* somewhere;
  std::memcpy(&somewhere, &InitThread, sizeof somewhere);
  path = dladdr(somewhere, &info) != 0 && info.dli_fname != nullptr ? info.dli_fname : name;

  char text[8192 + 1] = {};
  int length = 0;
  if (GetLibraryVersion(text, &length) != 0) return "MPI_Get_library_version failed";
  version = text;
  if (dlsym(library, "ompi_mpi_comm_world") != nullptr) {
    family = "Open MPI";
    version = version.substr(0, version.find_first_of(",\n"));
    return findOpenMpiHandles();
  }
  for (const char* relative : {"MPICH", "Intel(R) MPI", "MVAPICH"}) {
    if (version.find(relative) == std::string::npos) continue;
    family = "MPICH";
    version = version.substr(0, version.find('\n'));
    for (char& c : version)
      if (c == '\t') c = ' ';
    setMpichHandles();
    return "";
  }
  return "it is neither of Open MPI's family nor of MPICH's, but: " + version.substr(0, 120);
}

std::string Mpi::sentence(int code) const {
  char text[1024] = {};
  int length = 0;
  if (ErrorString(code, text, &length) != 0) return "MPI error " + std::to_string(code);
  return text;
}

}  // namespace flambeau
