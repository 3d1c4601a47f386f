// Bytes of images by a table for each channel.
#include "../command.h"
#include "../platform.h"

namespace FLAMBEAU_NAMESPACE {

/** planes, channels, bytes of a plane; x, table [channels, 256] of float32, out. */
int lookUp(const double* command, ErrorSlot&) {
  Reader read(command);
  const int64_t planes = read.integer(), channels = read.integer(), size = read.integer();
  const uint8_t* x = read.pointer<const uint8_t>();
  const float* table = read.pointer<const float>();
  float* out = read.pointer<float>();
  for (int64_t plane = 0; plane < planes; plane++, x += size, out += size) {
    const float* values = table + plane % channels * 256;
    FLAMBEAU_INDEPENDENT
    for (int64_t i = 0; i < size; i++) out[i] = values[x[i]];
  }
  return ok;
}

}
