// conv2d and its two gradients in float32; conv1d is the case of one row. See convolution.h for the method.
#include "../command.h"
#include "../convolution.h"
#include "../parallel.h"

namespace FLAMBEAU_NAMESPACE {

/** Runs `convolve` over a batch in groups: laid-out images in, rows of channels out, transposed into planes. */
struct Pass {
  Windows windows;
  Index inChannels, h, w;          // of one group of the source
  Index height, width;             // of the laid-out image
  Index top, left, spreadY, spreadX;
  Index outChannels, oh, ow;       // of one group of the result
  Index plane, rowStep, columnStep; // where they go: a channel, a row and a column further
};

static void runPass(const ErrorSlot& slot, const Pass& pass, Index batch, Index groups, const Four& source, const Weight* weights, const float* bias, float* out, float* scratch) {
  const Index depth = pass.windows.kh * pass.windows.kw * pass.inChannels, panel = tileVectors * W;
  const Index padded = (pass.outChannels + panel - 1) / panel * panel, places = pass.oh * pass.ow;
  float* packed = aligned(scratch);
  float* packedBias = packed + depth * padded;
  float* images = aligned(packedBias + padded);
  const Index imageSize = (pass.height * pass.width * pass.inChannels + 15) / 16 * 16, each = imageSize + (places * pass.outChannels + 15) / 16 * 16;
  // A window of one place over an unpadded image needs no rows: all places are one.
  const Windows& k = pass.windows;
  const bool flat = k.kh == 1 && k.kw == 1 && k.sy == 1 && k.sx == 1 && pass.height == pass.oh && pass.width == pass.ow;
  for (Index g = 0; g < groups; g++) {
    packWeight(Weight{weights[0].at + g * weights[1].n, weights[0].n, weights[0].c, weights[0].ky, weights[0].kx}, pass.outChannels, pass.inChannels, k, packed);
    if (bias != nullptr) {
      copyRun(bias + g * pass.outChannels, packedBias, pass.outChannels);
      fillRun(packedBias + pass.outChannels, 0.0f, padded - pass.outChannels);
    }
    share(slot, batch, 2.0 * batch * places * depth * pass.outChannels, [&](Index i, int worker) {
      float* image = images + worker * each;
      float* rows = image + imageSize;
      const Planes planes = {source.at + i * source.s0 + g * pass.inChannels * source.s1, source.s1, source.s2, source.s3};
      layOut(planes, pass.inChannels, pass.h, pass.w, image, pass.height, pass.width, pass.inChannels, pass.top, pass.left, pass.spreadY, pass.spreadX);
      float* to = out + (i * groups + g) * pass.outChannels * pass.plane;
      const Range one = {0, 1}, all = {0, places};
      const LaidOut laidOut = {image, pass.width, pass.inChannels, flat ? one : filledRange(pass.top, pass.h, pass.spreadY, pass.height), flat ? all : filledRange(pass.left, pass.w, pass.spreadX, pass.width)};
      convolve(laidOut, k, packed, flat ? one : Range{0, pass.oh}, flat ? places : pass.ow, pass.outChannels, bias == nullptr ? nullptr : packedBias, rows);
      if (pass.columnStep == 1 && pass.rowStep == pass.ow) {
        transposeInto(rows, pass.outChannels, places, pass.outChannels, to, pass.plane);
        return;
      }
      for (Index y = 0; y < pass.oh; y++)
        for (Index c = 0; c < pass.outChannels; c++)
          for (Index x = 0; x < pass.ow; x++)
            to[c * pass.plane + y * pass.rowStep + x * pass.columnStep] = rows[(y * pass.ow + x) * pass.outChannels + c];
    });
  }
}

/** out [N, Cout, oh, ow] = bias + x [N, C, h, w] * weight [Cout, C/groups, kh, kw]. */
int conv2d(const double* command, ErrorSlot& slot) {
  Reader read(command);
  const Geometry q(read);
  const Four x(read), weight(read);
  const float* bias = read.pointer<const float>();
  float* out = read.pointer<float>();
  float* scratch = read.pointer<float>();
  const Index outs = q.outChannels / q.groups;
  Pass pass;
  pass.windows = {q.kh, q.kw, q.sy, q.sx, q.dy, q.dx};
  pass.inChannels = q.channels / q.groups, pass.h = q.h, pass.w = q.w;
  pass.height = (q.oh - 1) * q.sy + (q.kh - 1) * q.dy + 1, pass.width = (q.ow - 1) * q.sx + (q.kw - 1) * q.dx + 1;
  pass.top = q.py, pass.left = q.px, pass.spreadY = 1, pass.spreadX = 1;
  pass.outChannels = outs, pass.oh = q.oh, pass.ow = q.ow;
  pass.plane = q.oh * q.ow, pass.rowStep = q.ow, pass.columnStep = 1;
  const Weight weights[2] = {{weight.at, weight.s0, weight.s1, weight.s2, weight.s3}, {nullptr, outs * weight.s0, 0, 0, 0}};
  runPass(slot, pass, q.batch, q.groups, x, weights, bias, out, scratch);
  return ok;
}

/** Which taps of a window reach the input places of one remainder modulo the stride, along one dimension. */
struct Phase {
  Index taps;   // how many
  Index first;  // the first of them
  Index places; // input places with this remainder
  Index before; // places of g that padding puts before the first

  Phase(Index remainder, Index stride, Index padding, Index kernel, Index size) {
    first = (remainder + padding) % stride;
    taps = first < kernel ? (kernel - first + stride - 1) / stride : 0;
    places = (size - remainder + stride - 1) / stride;
    before = taps - 1 - (remainder + padding - first) / stride;
  }
};

/**
 * out [N, C, h, w] from g [N, Cout, oh, ow]: the convolution of g, padded by what the windows reach, with the weight turned around in space and its
 * channels swapped. With a stride, input places of one remainder meet every stride-th tap only, so each remainder is a small convolution of its own:
 * place r + s·q gets tap k0 + s·j from g[(r + p - k0)/s + q - j].
 */
int conv2dInputGrad(const double* command, ErrorSlot& slot) {
  Reader read(command);
  const Geometry q(read);
  const Four g(read), weight(read);
  float* out = read.pointer<float>();
  float* scratch = read.pointer<float>();
  const Index outs = q.outChannels / q.groups;
  Pass pass;
  pass.inChannels = outs, pass.h = q.oh, pass.w = q.ow;
  pass.outChannels = q.channels / q.groups, pass.plane = q.h * q.w;
  const bool strided = q.sy > 1 || q.sx > 1;
  if (!strided || q.dy > 1 || q.dx > 1) {
    // Dilation with a stride: g is spread by the stride instead, with zeros between.
    pass.windows = {q.kh, q.kw, 1, 1, q.dy, q.dx};
    pass.height = q.h + (q.kh - 1) * q.dy, pass.width = q.w + (q.kw - 1) * q.dx;
    pass.top = (q.kh - 1) * q.dy - q.py, pass.left = (q.kw - 1) * q.dx - q.px, pass.spreadY = q.sy, pass.spreadX = q.sx;
    pass.oh = q.h, pass.ow = q.w, pass.rowStep = q.w, pass.columnStep = 1;
    const float* last = weight.at + (q.kh - 1) * weight.s2 + (q.kw - 1) * weight.s3;
    const Weight weights[2] = {{last, weight.s1, weight.s0, -weight.s2, -weight.s3}, {nullptr, outs * weight.s0, 0, 0, 0}};
    runPass(slot, pass, q.batch, q.groups, g, weights, nullptr, out, scratch);
    return ok;
  }
  memset(out, 0, (size_t)(q.batch * q.channels * q.h * q.w) * 4);
  pass.spreadY = 1, pass.spreadX = 1, pass.rowStep = q.sy * q.w, pass.columnStep = q.sx;
  for (Index ry = 0; ry < q.sy && ry < q.h; ry++) {
    const Phase y(ry, q.sy, q.py, q.kh, q.h);
    for (Index rx = 0; rx < q.sx && rx < q.w; rx++) {
      const Phase x(rx, q.sx, q.px, q.kw, q.w);
      if (y.taps == 0 || x.taps == 0) continue;
      pass.windows = {y.taps, x.taps, 1, 1, 1, 1};
      pass.height = y.places + y.taps - 1, pass.width = x.places + x.taps - 1;
      pass.top = y.before, pass.left = x.before, pass.oh = y.places, pass.ow = x.places;
      const float* last = weight.at + (y.first + (y.taps - 1) * q.sy) * weight.s2 + (x.first + (x.taps - 1) * q.sx) * weight.s3;
      const Weight weights[2] = {{last, weight.s1, weight.s0, -q.sy * weight.s2, -q.sx * weight.s3}, {nullptr, outs * weight.s0, 0, 0, 0}};
      runPass(slot, pass, q.batch, q.groups, g, weights, nullptr, out + ry * q.w + rx, scratch);
    }
  }
  return ok;
}

/** out [Cout, C/groups, kh, kw] = sum over images and places of g [N, Cout, oh, ow] times the windows of x [N, C, h, w]. */
int conv2dWeightGrad(const double* command, ErrorSlot& slot) {
  Reader read(command);
  const Geometry q(read);
  const Four g(read), x(read);
  float* out = read.pointer<float>();
  float* scratch = read.pointer<float>();
  const Index ins = q.channels / q.groups, outs = q.outChannels / q.groups, step = (outs + W - 1) / W * W, panel = tileVectors * W;
  const Index height = (q.oh - 1) * q.sy + (q.kh - 1) * q.dy + 1, width = (q.ow - 1) * q.sx + (q.kw - 1) * q.dx + 1;
  const Index totalSize = q.kh * q.kw * ins * step, parts = partsOf(q.batch, totalSize);
  const Index imageSize = (height * width * ins + 15) / 16 * 16, each = imageSize + q.oh * q.ow * step;
  float* totals = aligned(scratch);
  float* images = aligned(totals + parts * totalSize);
  const Range filledRows = filledRange(q.py, q.h, 1, height), filledColumns = filledRange(q.px, q.w, 1, width);
  // The columns of a window's row are one product, except where dilation tears them apart, or where those that meet padding are worth leaving out.
  const bool single = q.kw > 1 && (q.dx > 1 || (ins >= 8 && filledColumns.size() < width));
  const Index pieces = single ? q.kw : 1, length = single ? ins : q.kw * ins;
  for (Index group = 0; group < q.groups; group++) {
    share(slot, parts, 2.0 * q.batch * q.oh * q.ow * totalSize, [&](Index part, int worker) {
      float* image = images + worker * each;
      float* grads = image + imageSize;
      float* total = totals + part * totalSize;
      memset(total, 0, (size_t)totalSize * 4);
      for (Index i = q.batch * part / parts; i < q.batch * (part + 1) / parts; i++) {
        layOut({x.at + i * x.s0 + group * ins * x.s1, x.s1, x.s2, x.s3}, ins, q.h, q.w, image, height, width, ins, q.py, q.px, 1, 1);
        layOut({g.at + i * g.s0 + group * outs * g.s1, g.s1, g.s2, g.s3}, outs, q.oh, q.ow, grads, q.oh, q.ow, step, 0, 0, 1, 1);
        for (Index ky = 0; ky < q.kh; ky++) {
          const Range y = meeting(ky * q.dy, q.sy, q.oh, filledRows);
          for (Index piece = 0; piece < pieces; piece++) {
            const Range x = single ? meeting(piece * q.dx, q.sx, q.ow, filledColumns) : Range{0, q.ow};
            for (Index n0 = 0; n0 < step; n0 += panel) {
              Tile<float> tile = {};
              tile.k1 = y.size(), tile.k2 = x.size();
              tile.a = image + ((y.from * q.sy + ky * q.dy) * width + x.from * q.sx + piece * q.dx) * ins;
              tile.am = 1, tile.a1 = q.sy * width * ins, tile.a2 = q.sx * ins;
              tile.b = grads + (y.from * q.ow + x.from) * step + n0;
              tile.b1 = q.ow * step, tile.b2 = step;
              const Index w = panelWidth<float>(step - n0);
              runPanel(tile, length, w, w, total + (ky * q.kw + piece) * ins * step + n0, step, (const float*)nullptr, true);
            }
          }
        }
      }
    });
    sumParts(totals, parts, totalSize);
    float* to = out + group * outs * ins * q.kh * q.kw;
    // [(ky, kx), c, o] to [o, c, (ky, kx)]
    for (Index c = 0; c < ins; c++) transposeInto(totals + c * step, ins * step, q.kh * q.kw, outs, to + c * q.kh * q.kw, ins * q.kh * q.kw);
  }
  return ok;
}

}  // namespace FLAMBEAU_NAMESPACE
