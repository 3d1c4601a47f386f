// Bytes of images by a table for each channel.
#include "../command.h"
#include "../parallel.h"
#include "../platform.h"

namespace FLAMBEAU_NAMESPACE {

/** planes, channels, bytes of a plane; x, table [channels, 256] of float32, out. */
int lookUp(const double* command, ErrorSlot& slot) {
  Reader read(command);
  const int64_t planes = read.integer(), channels = read.integer(), size = read.integer();
  const uint8_t* x = read.pointer<const uint8_t>();
  const float* table = read.pointer<const float>();
  float* out = read.pointer<float>();
  share(slot, planes, 16.0 * (double)(planes * size), [=](int64_t plane, int) {
    const float* values = table + plane % channels * 256;
    const uint8_t* from = x + plane * size;
    float* to = out + plane * size;
    FLAMBEAU_INDEPENDENT
    for (int64_t i = 0; i < size; i++) to[i] = values[from[i]];
  });
  return ok;
}

}
