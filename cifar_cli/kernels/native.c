// BatchNorm with the activation behind it, forward and backward, for fp32 and bf16.
//
// Tensors are channels_last: `rows` pixels of all images, each with C numbers side by side. So a channel's statistics
// are the sums of a column. Sums run in float over short blocks, then in double over blocks; blocks are the same for
// any number of threads, and so are the bits of the result. The value before the activation is rounded as if it were
// stored: with the activation in a pass of its own, the bits are the same.
// C99; no infinity or NaN gets lost, so never compile it with -ffast-math.
#include <stdint.h>

#define LANES 512   // numbers side by side in one step: short rows are taken several at a time
#define BLOCK 64    // steps that are summed in float
#define MAX_PARTS 64
#define MIN_PART 16384  // numbers of a part, below which starting a thread takes longer than it saves
#define INLINE static inline __attribute__((always_inline))

enum { NONE, RELU, GELU, SILU };             // the activation
enum { STATISTICS, FORWARD, SUMS, BACKWARD };  // the passes over the rows
enum { MEAN, SCALE, BIAS, OF_GRADIENT, OF_INPUT, CONSTANT, COEFFICIENTS, INVERSE = COEFFICIENTS };  // of each channel

typedef union { uint32_t bits; float value; } Bits;

// bf16 is the upper half of a float; rounded to nearest, ties to even. A NaN stays one: rounding could carry it over.
INLINE float get(int bf16, const void *x, long i) {
  return bf16 ? ((Bits){ .bits = (uint32_t)((const uint16_t *)x)[i] << 16 }).value : ((const float *)x)[i];
}
INLINE uint16_t to_bf16(float value) {
  uint32_t bits = ((Bits){ .value = value }).bits;
  return value != value ? 0x7fc0 : (uint16_t)((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}
INLINE void put(int bf16, void *x, long i, float value) {
  if (bf16) ((uint16_t *)x)[i] = to_bf16(value); else ((float *)x)[i] = value;
}
INLINE float rounded(int bf16, float value) {
  return bf16 ? ((Bits){ .bits = (uint32_t)to_bf16(value) << 16 }).value : value;
}

// 2^n · 2^f with n whole and |f| ≤ ½: the series of 2^f = exp(f · ln 2) up to f⁷, the next term is below 1e-8.
// Only for numbers that are added to 1 or tend to 0: the limits keep clear of denormal numbers, which are slow.
INLINE float exponential(float x) {
  x = x < -40.f ? -40.f : x;  // a NaN stays
  x = x > 40.f ? 40.f : x;
  float y = x * 1.44269504f, shifted = y + 12582912.f;  // 1.5 · 2²³: the last bits now hold y, rounded to whole
  float f = y - (shifted - 12582912.f);
  float p = 1.5252734e-5f;
  p = p * f + 1.5403530e-4f; p = p * f + 1.3333558e-3f; p = p * f + 9.6181291e-3f; p = p * f + 5.5504109e-2f;
  p = p * f + 2.4022651e-1f; p = p * f + 6.9314718e-1f; p = p * f + 1.f;
  return p * ((Bits){ .bits = (((Bits){ .value = shifted }).bits << 23) + 0x3f800000 }).value;
}
// The error function: a quotient of polynomials, as in Eigen (MPL 2.0), to a few units of the last place.
INLINE float error_function(float x) {
  float t = x * x;
  float p = -2.72614225801306e-10f, q = -1.45660718464996e-05f;
  p = p * t + 2.77068142495902e-08f; p = p * t - 2.10102402082508e-06f; p = p * t - 5.69250639462346e-05f;
  p = p * t - 7.34990630326855e-04f; p = p * t - 2.95459980854025e-03f; p = p * t - 1.60960333262415e-02f;
  q = q * t - 2.13374055278905e-04f; q = q * t - 1.68282697438203e-03f; q = q * t - 7.37332916720468e-03f;
  q = q * t - 1.42647390514189e-02f;
  return x > 4.f ? 1.f : x < -4.f ? -1.f : x * p / q;
}
INLINE float sigmoid(float z) { return 1.f / (1.f + exponential(-z)); }
INLINE float normal_cdf(float z) { return .5f + .5f * error_function(z * .70710678f); }

INLINE float activated(int act, float z) {
  if (act == RELU) return z < 0.f ? 0.f : z;  // a NaN stays, as in torch
  if (act == GELU) return z * normal_cdf(z);
  if (act == SILU) return z * sigmoid(z);
  return z;
}
INLINE float slope(int act, float z) {  // the activation's derivative
  if (act == GELU) return normal_cdf(z) + z * .39894228f * exponential(-.5f * z * z);
  if (act == SILU) { float s = sigmoid(z); return s * (1.f + z * (1.f - s)); }
  return 1.f;
}
INLINE float before_activation(int act, int bf16, float z, float g) {  // the gradient before it, given the one behind
  return act == RELU ? (z <= 0.f ? 0.f : g) : act == NONE ? g : rounded(bf16, g * slope(act, z));
}

typedef struct {
  const void *x, *g;     // the input, and the gradient of the output
  void *out;             // the output, or the gradient of the input
  const float *channel;  // [COEFFICIENTS + 1][C]
  long rows, C;
  int training;
} Task;

// One pass over rows [first, last). totals: two sums for each channel. `pass`, `act` and `bf16` are constants wherever
// this is called: the compiler makes a loop of its own for each.
INLINE void walk(int pass, int act, int bf16, Task t, long first, long last, double *totals) {
  for (long c = 0; c < 2 * t.C; c++) totals[c] = 0;
  for (long c0 = 0; c0 < t.C; c0 += LANES) {  // wider rows are taken in slices
    long width = t.C - c0 < LANES ? t.C - c0 : LANES, together = t.C < LANES ? LANES / t.C : 1;
    float k[COEFFICIENTS][LANES], s[LANES], q[LANES];
    for (long row = 0; row < together; row++)
      for (int i = 0; i < COEFFICIENTS; i++)
        for (long c = 0; c < width; c++) k[i][row * width + c] = t.channel[i * t.C + c0 + c];
    for (long block = first; block < last; block += BLOCK * together) {
      long end = block + BLOCK * together < last ? block + BLOCK * together : last;
      if (pass == STATISTICS || pass == SUMS)
        for (long j = 0; j < LANES; j++) s[j] = q[j] = 0.f;
      for (long row = block; row < end; row += together) {
        long lanes = (end - row < together ? end - row : together) * width, at = row * t.C + c0;
        #pragma omp simd
        for (long j = 0; j < lanes; j++) {
          float centred = get(bf16, t.x, at + j) - k[MEAN][j];
          float z = rounded(bf16, centred * k[SCALE][j] + k[BIAS][j]);
          if (pass == STATISTICS) { s[j] += centred; q[j] += centred * centred; }
          if (pass == FORWARD) put(bf16, t.out, at + j, activated(act, z));
          if (pass == SUMS) {
            float d = before_activation(act, bf16, z, get(bf16, t.g, at + j));
            if (act > RELU) put(bf16, t.out, at + j, d);  // dear to compute: kept for the next pass
            s[j] += d; q[j] += d * centred;
          }
          if (pass == BACKWARD) {
            float d = act > RELU ? get(bf16, t.out, at + j) : before_activation(act, bf16, z, get(bf16, t.g, at + j));
            float own = t.training ? k[OF_INPUT][j] * centred + k[CONSTANT][j] : 0.f;  // not 0 times infinity
            put(bf16, t.out, at + j, k[OF_GRADIENT][j] * d + own);
          }
        }
      }
      if (pass == STATISTICS || pass == SUMS)
        for (long row = 0; row < together; row++)
          for (long c = 0; c < width; c++) {
            totals[c0 + c] += s[row * width + c];
            totals[t.C + c0 + c] += q[row * width + c];
          }
    }
  }
}

#define ONE(pass, act, bf16) case (act) * 2 + (bf16): walk(pass, act, bf16, t, first, last, mine); break;
#define EACH(pass) ONE(pass, NONE, 0) ONE(pass, NONE, 1) ONE(pass, RELU, 0) ONE(pass, RELU, 1) \
                   ONE(pass, GELU, 0) ONE(pass, GELU, 1) ONE(pass, SILU, 0) ONE(pass, SILU, 1)

// One pass over all rows. parts: [MAX_PARTS][2][C]; the sums of all parts, in their order, end in the first.
static void run(int pass, int act, int bf16, Task t, double *parts, int threads) {
  long count = t.rows * t.C / MIN_PART;
  count = count < 1 ? 1 : count > MAX_PARTS ? MAX_PARTS : count;
  #pragma omp parallel for schedule(static) num_threads(threads) if (count > 1)
  for (long part = 0; part < count; part++) {
    long first = t.rows * part / count, last = t.rows * (part + 1) / count;
    double *mine = parts + part * 2 * t.C;
    int kind = act * 2 + bf16;
    if (pass == STATISTICS) switch (bf16) { ONE(STATISTICS, NONE, 0) ONE(STATISTICS, NONE, 1) }
    if (pass == FORWARD) switch (kind) { EACH(FORWARD) }
    if (pass == SUMS) switch (kind) { EACH(SUMS) }
    if (pass == BACKWARD) switch (kind) { EACH(BACKWARD) }
  }
  for (long part = 1; part < count; part++)
    for (long c = 0; c < 2 * t.C; c++) parts[c] += parts[part * 2 * t.C + c];
}

// y = act((x − mean) / √(variance + eps) · weight + bias). With `training`, mean and variance are those of the rows, and
// the running statistics, if any, move by `momentum`; else they are the running ones. channel: [COEFFICIENTS + 1][C],
// kept for the way back. weight, bias, running_…: may be null.
void norm_forward(int act, int bf16, const void *x, void *y, long rows, long C, const float *weight, const float *bias,
                  float *running_mean, float *running_var, int training, double momentum, double eps, float *channel,
                  double *parts, int threads) {
  Task t = { x, 0, y, channel, rows, C, training };
  // Sums of the distance from a first guess of the mean: squares of large numbers would lose digits.
  for (long c = 0; c < C; c++) channel[MEAN * C + c] = get(bf16, x, c);
  if (training) run(STATISTICS, NONE, bf16, t, parts, threads);
  for (long c = 0; c < C; c++) {
    double distance = parts[c] / rows, mean = channel[MEAN * C + c] + distance;
    double variance = parts[C + c] / rows - distance * distance;
    if (variance < 0) variance = 0;
    if (!training) { mean = running_mean[c]; variance = running_var[c]; }
    else if (running_mean) {
      running_mean[c] += (float)(momentum * (mean - running_mean[c]));
      running_var[c] += (float)(momentum * (variance * rows / (rows - 1) - running_var[c]));
    }
    channel[MEAN * C + c] = (float)mean;
    channel[SCALE * C + c] = (float)((weight ? weight[c] : 1) / __builtin_sqrt(variance + eps));
    channel[BIAS * C + c] = bias ? bias[c] : 0;
    channel[INVERSE * C + c] = (float)(1 / __builtin_sqrt(variance + eps));
  }
  run(FORWARD, act, bf16, t, parts, threads);
}

// The gradients of the input, the weight and the bias. channel: as norm_forward left it.
void norm_backward(int act, int bf16, const void *x, const void *g, void *gx, long rows, long C, int training,
                   float *channel, float *of_weight, float *of_bias, double *parts, int threads) {
  Task t = { x, g, gx, channel, rows, C, training };
  run(SUMS, act, bf16, t, parts, threads);
  for (long c = 0; c < C; c++) {
    double inverse = channel[INVERSE * C + c], scale = channel[SCALE * C + c];
    of_bias[c] = (float)parts[c];
    of_weight[c] = (float)(parts[C + c] * inverse);
    channel[OF_GRADIENT * C + c] = (float)scale;
    channel[OF_INPUT * C + c] = (float)(-scale * inverse * inverse * parts[C + c] / rows);
    channel[CONSTANT * C + c] = (float)(-scale * parts[c] / rows);
  }
  run(BACKWARD, act, bf16, t, parts, threads);
}
