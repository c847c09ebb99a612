// BatchNorm with the addition and the activation behind it, activations, 2×2 max pooling, both ways, in fp32 and bf16.
//
// Tensors are channels_last: `rows` pixels of all images, each with C numbers side by side; a channel is a column. Sums
// run in float over short blocks, then in double over the blocks, which are the same for any number of threads: so are
// the bits of the result. What reaches the addition or the activation is rounded as if it were stored, and so are
// gradients: passes of their own give the same bits. Infinity and NaN stay: never compile this with -ffast-math.
#include <stdint.h>
#include <string.h>

#define LANES 512       // numbers side by side in one step: short rows are taken several at a time
#define BLOCK 64        // steps whose sum is in float
#define MAX_PARTS 64    // of the rows, for the threads
#define MIN_PART 16384  // numbers of a part: for fewer, starting a thread takes longer than it saves
#define INLINE static inline __attribute__((always_inline))

enum { NONE, RELU, GELU, SILU, SUM_RELU };  // SUM_RELU: with `other`, the shortcut, or on the way back the output
enum { STATISTICS, FORWARD, SUMS, BACKWARD };  // passes over the rows
enum { MEAN, SCALE, BIAS, OF_INPUT, CONSTANT, COEFFICIENTS, INVERSE = COEFFICIENTS };  // of each channel

typedef union { uint32_t bits; float value; } Bits;
// bf16 is the upper half of a float, here rounded to nearest, ties to even. A NaN stays one unless its lower half is
// full of ones, which `clean` sees to.
INLINE float get(int bf16, const void *x, long i) {
  return bf16 ? (Bits){ .bits = (uint32_t)((const uint16_t *)x)[i] << 16 }.value : ((const float *)x)[i];
}
INLINE Bits rounded(int bf16, float value) {
  Bits b = { .value = value };
  return bf16 ? (Bits){ .bits = (b.bits + 0x7fff + (b.bits >> 16 & 1)) & 0xffff0000 } : b;
}
INLINE float put(int bf16, void *x, long i, float value) {  // returns what it stores
  Bits b = rounded(bf16, value);
  if (bf16) ((uint16_t *)x)[i] = b.bits >> 16; else ((float *)x)[i] = value;
  return b.value;
}
static float clean(double value) { return value != value ? __builtin_nanf("") : (float)value; }
// e⁻ᶻ = 2ʸ = 2ⁿ · 2^f with n whole and |f| ≤ ½, by the series of 2^f = exp(f · ln 2) up to f⁷; the next term is below
// 1e-8. 1.5 · 2²³ + y ends in n. The limits keep clear of denormal numbers, which are slow.
INLINE float sigmoid(float z) {
  float x = z < -40.f ? 40.f : z > 40.f ? -40.f : -z, y = x * 1.44269504f, shifted = y + 12582912.f;  // a NaN stays
  float f = y - (shifted - 12582912.f), p = 1.5252734e-5f * f + 1.5403530e-4f;
  p = (((p * f + 1.3333558e-3f) * f + 9.6181291e-3f) * f + 5.5504109e-2f) * f + 2.4022651e-1f;
  p = (p * f + 6.9314718e-1f) * f + 1.f;
  return 1.f / (1.f + p * (Bits){ .bits = ((Bits){ .value = shifted }.bits << 23) + 0x3f800000 }.value);
}
// Fitted polynomials, right to 2.4e-7 and 1.1e-6: docs/experiments/native_kernels.md.
static const float CDF[] = { -4.480335e-4f, 1.265661e-3f, -1.322135e-3f, 1.807687e-3f, -4.672608e-3f, 8.552518e-3f,
  -.01256928f, .01795813f, -.0247066f, .03198929f, -.03993173f, .05002457f, -.06774361f, .13595f };
static const float SLOPE[] = { 9.882866e-3f, -.02391095f, .01137734f, -2.979985e-3f, .04032453f, -.07100836f,
  .06643621f, -.06601829f, .07349514f, -.07021623f, .06046336f, -.05360831f, .05365553f, -.06574307f, .1287593f };
INLINE float fitted(const float *p, int terms, float limit, float z) {  // from 0 at −limit to 1 at limit
  float x = z < -limit ? -limit : z > limit ? limit : z, u = x * x * (2.f / (limit * limit)) - 1.f, sum = p[0];
  #pragma GCC unroll 16
  for (int i = 1; i < terms; i++) sum = sum * u + p[i];
  return .5f + x * sum;
}
INLINE float normal_cdf(float z) { return z < -5.2f ? 0.f : fitted(CDF, 14, 5.2f, z); }
INLINE float activated(int act, float z) {
  return act == GELU ? z * normal_cdf(z) : act == SILU ? z * sigmoid(z) : act != NONE && z < 0.f ? 0.f : z;
}
INLINE float gradient(int act, float z, float g) {  // before the activation, from g behind it
  if (act == GELU) return g * (fitted(SLOPE, 15, 5.5f, z) + 0.f * z);  // NaN for infinity, as in torch
  if (act == SILU) return g * (sigmoid(z) * (1.f + z * (1.f - sigmoid(z))));
  return act != NONE && z <= 0.f ? 0.f : g;
}
typedef struct {
  const void *x, *g, *other; void *out;  // input, gradient of the output, see SUM_RELU; output, or gradient before it
  const float *channel; long rows, C, training;  // channel: [COEFFICIENTS + 1][C]
} Task;
// One pass over rows [first, last); totals: two sums for each channel. Every pass, act and bf16 has a loop of its own.
INLINE void walk(int pass, int act, int bf16, Task t, long first, long last, double *totals) {
  memset(totals, 0, 2 * t.C * sizeof(double));
  for (long c0 = 0; c0 < t.C; c0 += LANES) {  // wider rows are taken in slices
    long width = t.C - c0 < LANES ? t.C - c0 : LANES, together = t.C < LANES ? LANES / t.C : 1;
    float k[COEFFICIENTS][LANES], s[LANES], q[LANES];
    for (int i = 0; i < COEFFICIENTS; i++)  // each copy doubles the rows that are there
      for (long row = 0, more = 1; row < together; row += more, more = row < together - row ? row : together - row)
        memcpy(k[i] + row * width, row == 0 ? t.channel + i * t.C + c0 : k[i], more * width * sizeof(float));
    for (long block = first; block < last; block += BLOCK * together) {
      long end = block + BLOCK * together < last ? block + BLOCK * together : last;
      memset(s, 0, sizeof s); memset(q, 0, sizeof q);
      for (long row = block; row < end; row += together) {
        long lanes = (end - row < together ? end - row : together) * width, at = row * t.C + c0;
        #pragma omp simd
        for (long j = 0; j < lanes; j++) {
          float centred = get(bf16, t.x, at + j) - k[MEAN][j], z = centred * k[SCALE][j] + k[BIAS][j], d = centred;
          if (act > RELU) z = rounded(bf16, z).value;  // to round twice changes nothing for the others
          if (act == SUM_RELU) z = get(bf16, t.other, at + j) + (pass == FORWARD ? z : 0.f);
          if (pass == FORWARD) put(bf16, t.out, at + j, activated(act, z));
          if (pass > FORWARD) d = gradient(act, z, get(bf16, t.g, at + j));
          if (pass == SUMS && act > RELU) d = put(bf16, t.out, at + j, d);  // dear: kept for BACKWARD
          if (pass == STATISTICS || pass == SUMS) { s[j] += d; q[j] += d * centred; }
          float of_statistics = t.training ? k[OF_INPUT][j] * centred + k[CONSTANT][j] : -0.f;  // −0 changes nothing
          if (pass == BACKWARD) put(bf16, t.out, at + j, d * k[SCALE][j] + of_statistics);
        }
      }
      for (long j = 0, row = 0; row < together && (pass == STATISTICS || pass == SUMS); row++)
        for (long c = c0; c < c0 + width; c++, j++) { totals[c] += s[j]; totals[t.C + c] += q[j]; }
    }
  }
}
#define KIND(pass, act, bf16) (((pass) * 5 + (act)) * 2 + (bf16))
#define ONE(p, a, b) case KIND(p, a, b): walk(p, a, b, t, first, last, parts + part * 2 * t.C); break;
#define BOTH(pass, act) ONE(pass, act, 0) ONE(pass, act, 1)
#define EACH(pass) BOTH(pass, NONE) BOTH(pass, RELU) BOTH(pass, GELU) BOTH(pass, SILU) BOTH(pass, SUM_RELU)
// One pass over all rows. parts: [MAX_PARTS][2][C]; the sums of all parts, in their order, end in the first.
static void run(int pass, int act, int bf16, Task t, double *parts, int threads) {
  long enough = t.rows * t.C / MIN_PART, count = enough < 1 ? 1 : enough > MAX_PARTS ? MAX_PARTS : enough;
  #pragma omp parallel for schedule(static) num_threads(threads) if (count > 1)
  for (long part = 0; part < count; part++) {
    long first = t.rows * part / count, last = t.rows * (part + 1) / count;
    switch (KIND(pass, act, bf16)) { BOTH(STATISTICS, NONE) EACH(FORWARD) EACH(SUMS) EACH(BACKWARD) }
  }
  for (long part = 1; part < count; part++)
    for (long c = 0; c < 2 * t.C; c++) parts[c] += parts[part * 2 * t.C + c];
}
// y = act((x − mean) / √(variance + eps) · weight + bias), in training by the statistics of the rows, which move the
// running ones by `momentum`. channel: [COEFFICIENTS + 1][C], for the way back. Null may be: weight, bias, statistics.
void norm_forward(int act, int bf16, const void *x, const void *shortcut, void *y, long rows, long C,
                  const float *weight, const float *bias, float *running_mean, float *running_var, int training,
                  double momentum, double eps, float *channel, double *parts, int threads) {
  Task t = { x, 0, shortcut, y, channel, rows, C, training };
  // Sums of the distances from a first guess of the mean: those of large numbers would lose digits.
  for (long c = 0; c < C; c++) channel[MEAN * C + c] = get(bf16, x, c);
  if (training) run(STATISTICS, NONE, bf16, t, parts, threads);
  for (long c = 0; c < C; c++) {
    double distance = parts[c] / rows, mean = training ? channel[MEAN * C + c] + distance : running_mean[c];
    double variance = training ? parts[C + c] / rows - distance * distance : running_var[c];
    if (training && variance < 0) variance = 0;
    if (training && running_mean) {
      running_mean[c] += (float)(momentum * (mean - running_mean[c]));
      running_var[c] += (float)(momentum * (variance * rows / (rows - 1) - running_var[c]));
    }
    channel[MEAN * C + c] = clean(mean);
    channel[INVERSE * C + c] = clean(1 / __builtin_sqrt(variance + eps));
    channel[SCALE * C + c] = clean((weight ? weight[c] : 1) / __builtin_sqrt(variance + eps));
    channel[BIAS * C + c] = bias ? clean(bias[c]) : 0;
  }
  run(FORWARD, act, bf16, t, parts, threads);
}
// The gradients of x, weight and bias. before: room for the gradient before an activation other than RELU; may be gx.
// channel: as norm_forward left it. y: the output, for SUM_RELU.
void norm_backward(int act, int bf16, const void *x, const void *y, const void *g, void *before, void *gx, long rows,
                   long C, int training, float *channel, float *of_weight, float *of_bias, double *parts, int threads) {
  Task t = { x, g, y, before, channel, rows, C, training };
  run(SUMS, act, bf16, t, parts, threads);
  for (long c = 0; c < C; c++) {
    double inverse = channel[INVERSE * C + c], scale = channel[SCALE * C + c];
    of_bias[c] = (float)parts[c];
    of_weight[c] = (float)(parts[C + c] * inverse);
    channel[OF_INPUT * C + c] = clean(-scale * inverse * inverse * parts[C + c] / rows);
    channel[CONSTANT * C + c] = clean(-scale * parts[c] / rows);
  }
  if (act > RELU) { t.g = before; act = NONE; }
  t.out = gx;
  run(BACKWARD, act, bf16, t, parts, threads);
}
// The activation of n numbers, or with g the gradient before it. `out` may be x.
void activation(int act, int bf16, const void *x, const void *g, void *out, long n, int threads) {
  float channel[COEFFICIENTS + 1] = { [SCALE] = 1.f }; double parts[MAX_PARTS * 2];  // of one channel: changes nothing
  run(g ? BACKWARD : FORWARD, act, bf16, (Task){ x, g, 0, out, channel, n, 1, 0 }, parts, threads);
}
typedef struct { void *x, *y; uint8_t *which; long below, C; float floor; } Pool;  // floor: 0 for a ReLU, or NaN
// A window in one channel, x[at] and three neighbours: the first of equals counts, and the last NaN, as in torch.
INLINE void window(int back, int bf16, Pool p, long at, long to) {
  float g = back ? get(bf16, p.y, to) : 0.f, largest = back ? 0.f : get(bf16, p.x, at);
  uint8_t best = back ? p.which[to] : 0;
  #pragma GCC unroll 4
  for (int i = 0; i < 4; i++) {
    float value = get(bf16, p.x, at + i / 2 * p.below + i % 2 * p.C);
    if (back) put(bf16, p.x, at + i / 2 * p.below + i % 2 * p.C, best == i ? g + 0.f : 0.f);  // −0 becomes 0
    else if (value > largest || value != value) { largest = value; best = i; }
  }
  if (!back) put(bf16, p.y, to, largest <= p.floor ? p.floor : largest);
  if (!back) p.which[to] = largest <= p.floor ? 4 : best;  // 4: none, by the ReLU
}
INLINE void windows(int back, int bf16, Pool p, long at, long to) {
  long by64 = p.C / 64 * 64, by32 = p.C / 32 * 32;  // more channels in one go are faster; a rest is taken one by one
  #pragma omp simd simdlen(64)
  for (long c = 0; c < by64; c++) window(back, bf16, p, at + c, to + c);
  #pragma omp simd simdlen(32)
  for (long c = by64; c < by32; c++) window(back, bf16, p, at + c, to + c);
  #pragma omp simd simdlen(16)
  for (long c = by32; c < p.C; c++) window(back, bf16, p, at + c, to + c);
}
// x (N, H, W, C) to y (N, H / 2, W / 2, C), and which of four was taken; with `back`, the gradient y to the gradient x.
void max_pool(int back, int bf16, void *x, void *y, uint8_t *which, int relu, long N, long H, long W, long C,
              int threads) {
  long h = H / 2, w = W / 2, image = H * W * C, size = bf16 ? 2 : 4;
  Pool p = { x, y, which, W * C, C, relu ? 0.f : __builtin_nanf("") };
  #pragma omp parallel for schedule(static) num_threads(threads) if (N * image > MIN_PART)
  for (long n = 0; n < N; n++) {
    for (long i = 0; back && i < H; i++)  // with an odd side, some pixels are in no window
      memset((char *)x + ((n * H + i) * W + (i < 2 * h) * 2 * w) * C * size, 0, (W - (i < 2 * h) * 2 * w) * C * size);
    for (long i = 0; i < h * w; i++) {
      long at = n * image + (i / w * W + i % w) * 2 * C, to = (n * h * w + i) * C;
      if (back && bf16) windows(1, 1, p, at, to); else if (back) windows(1, 0, p, at, to);
      else if (bf16) windows(0, 1, p, at, to); else windows(0, 0, p, at, to);
    }
  }
}
