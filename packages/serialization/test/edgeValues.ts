/** Values at the edges of their types, negative and fractional ones among them; the same as in fixtures/make.py. */
export const edgeValues = {
  int8: [-128, -1, 0, 127],
  int16: [-32768, -1, 255, 32767],
  int32: [-(2 ** 31), -1, 65536, 2 ** 31 - 1],
  uint32: [0, 65536, 2 ** 31 + 1, 2 ** 32 - 1],
  int64: [-(2n ** 63n), -(2n ** 53n) - 1n, 2n ** 53n + 1n, 2n ** 63n - 1n],
  uint8: [0, 1, 128, 255],
  bool: [true, false, true, true],
  float16: [-0.5, 1.0009765625, 65504, -(2 ** -14)],
  bfloat16: [-0.5, 1.0078125, -3.3895313892515355e38, 2 ** -126],
  float32: [-0.1, 1 / 3, -3.4028234663852886e38, 2 ** -149],
  float64: [-0.1, 1 / 3, -Number.MAX_VALUE, 5e-324],
} as const;
