// What a layer of dilated convolution has on a chunk of time: rows of CHUNK samples, time along the vectors.
#pragma once

#include <algorithm>

#include "curves.h"
#include "frame.h"
#include "product.h"
#include "recurrent.h"

namespace ddspfx {

// Samples of a chunk: the delayed rows of a usual layer fill the first cache.
constexpr int64_t CHUNK = 128;

// to[m] += sum over k of a[m down + k across] from[k], rows of CHUNK samples; M rows of sums in registers.
template <class T, int M>
inline void mix_rows(const T* a, int64_t down, int64_t across, const T* from, int64_t count, T* to) {
  constexpr int W = wide<T>, N = W * sizeof(T) == 64 ? 4 : 2;
  for (int64_t t = 0; t < CHUNK; t += N * W) {
    vec<T, W> sum[M][N];
    for (int m = 0; m < M; ++m)
      for (int n = 0; n < N; ++n) sum[m][n] = load<T, W>(to + m * CHUNK + t + n * W);
    for (int64_t k = 0; k < count; ++k) {
      vec<T, W> column[N];
#pragma GCC unroll 4
      for (int n = 0; n < N; ++n) column[n] = load<T, W>(from + k * CHUNK + t + n * W);
#pragma GCC unroll 4
      for (int m = 0; m < M; ++m) {
        const vec<T, W> weight = splat<T, W>(a[m * down + k * across]);
#pragma GCC unroll 4
        for (int n = 0; n < N; ++n) sum[m][n] += weight * column[n];
      }
    }
    for (int m = 0; m < M; ++m)
      for (int n = 0; n < N; ++n) store<T, W>(to + m * CHUNK + t + n * W, sum[m][n]);
  }
}

template <class T>
inline void mix(const T* a, int64_t down, int64_t across, const T* from, int64_t count, T* to, int64_t rows) {
  in_tiles<4>(rows, [&](auto M, int64_t m) {
    mix_rows<T, M>(a + m * down, down, across, from, count, to + m * CHUNK);
  });
}

// sums[m][n] += a[m] b[n] sample by sample, M by N rows; each sum is a vector of W, of which the total counts.
template <class T, int M, int N>
inline void slope_tile(const T* a, const T* b, T* sums, int64_t columns) {
  constexpr int W = wide<T>;
  vec<T, W> sum[M][N];
  for (int m = 0; m < M; ++m)
    for (int n = 0; n < N; ++n) sum[m][n] = load<T, W>(sums + (m * columns + n) * W);
  for (int64_t t = 0; t < CHUNK; t += W) {
    vec<T, W> right[N];
#pragma GCC unroll 4
    for (int n = 0; n < N; ++n) right[n] = load<T, W>(b + n * CHUNK + t);
#pragma GCC unroll 4
    for (int m = 0; m < M; ++m) {
      const vec<T, W> left = load<T, W>(a + m * CHUNK + t);
#pragma GCC unroll 4
      for (int n = 0; n < N; ++n) sum[m][n] += left * right[n];
    }
  }
  for (int m = 0; m < M; ++m)
    for (int n = 0; n < N; ++n) store<T, W>(sums + (m * columns + n) * W, sum[m][n]);
}

template <class T>
inline void slopes(const T* a, int64_t rows, const T* b, int64_t columns, T* sums) {
  constexpr int W = wide<T>, MOST = W * sizeof(T) == 64 ? 4 : 2;
  in_tiles<MOST>(rows, [&](auto M, int64_t m) {
    in_tiles<4>(columns, [&](auto N, int64_t n) {
      slope_tile<T, M, N>(a + m * CHUNK, b + n * CHUNK, sums + (m * columns + n) * W, columns);
    });
  });
}

template <class T>
inline void totals(const T* sums, int64_t count, T* to) {
  constexpr int W = wide<T>;
  for (int64_t i = 0; i < count; ++i) {
    double total = 0;
    for (int w = 0; w < W; ++w) total += sums[i * W + w];
    to[i] = T(total);
  }
}

// The sizes of a layer; h is (lines, channels, samples), and lines share weights in `groups` of equal size.
template <class T>
struct Dilated {
  int64_t channels, samples, lines, memory, units, inputs, groups, step;
  bool gated;

  // From h, its past and the weights (groups, units, taps channels), the first three arrays of each call.
  explicit Dilated(const Frame& frame)
      : samples(frame.in_length(0)), memory(frame.in_length(1)), inputs(frame.in_length(2)), step(frame.attribute(1)) {
    channels = frame.attribute(0), units = frame.attribute(2), gated = units != channels;
    lines = frame.in_lines(0) / channels, groups = frame.in_lines(2) / units;
  }

  int64_t taps() const { return inputs / channels; }

  // Rows of samples t0 - lag onwards, out of the past where they lie before the start; 0 after the end.
  void take(const T* h, const T* past, int64_t t0, int64_t lag, T* to) const {
    for (int64_t c = 0; c < channels; ++c) {
      const int64_t start = t0 - lag, early = std::min(std::max<int64_t>(-start, 0), CHUNK);
      const int64_t end = std::max(std::min(samples - start, CHUNK), early);
      T* row = to + c * CHUNK;
      if (early) std::copy_n(past + (c + 1) * memory + start, early, row);
      std::copy_n(h + c * samples + start + early, end - early, row + early);
      std::fill(row + end, row + CHUNK, T(0));
    }
  }

  // The slope of what `take` read, added where it came from.
  void give(const T* from, int64_t t0, int64_t lag, T* h, T* past) const {
    for (int64_t c = 0; c < channels; ++c) {
      const int64_t start = t0 - lag, early = std::min(std::max<int64_t>(-start, 0), CHUNK);
      const int64_t end = std::max(std::min(samples - start, CHUNK), early);
      const T* row = from + c * CHUNK;
      T* before = past + (c + 1) * memory + start;
      T* now = h + c * samples + start;
      for (int64_t i = 0; i < early; ++i) before[i] += row[i];
      for (int64_t i = early; i < end; ++i) now[i] += row[i];
    }
  }

  // All delayed copies of h, one below the other, and what enters the curve.
  void listen(const T* h, const T* past, const T* weight, const T* bias, int64_t t0, T* rows, T* entered) const {
    for (int64_t k = 0; k < taps(); ++k) take(h, past, t0, k * step, rows + k * channels * CHUNK);
    for (int64_t u = 0; u < units; ++u) std::fill_n(entered + u * CHUNK, CHUNK, bias[u]);
    mix(weight, inputs, 1, rows, inputs, entered, units);
  }

  // z = tanh(wave), times sigmoid(gate); with `by_z`, what entered becomes its slope.
  void curve(T* entered, T* z, const T* by_z = nullptr) const {
    constexpr int W = wide<T>;
    const int64_t count = channels * CHUNK;
    for (int64_t i = 0; i < count; i += W) {
      const vec<T, W> wave = tanh_of(load<T, W>(entered + i));
      const vec<T, W> gate = gated ? sigmoid_of_twice(load<T, W>(entered + count + i) * T(0.5)) : splat<T, W>(1);
      store<T, W>(z + i, wave * gate);
      if (!by_z) continue;
      const vec<T, W> slope = load<T, W>(by_z + i) * gate;
      store<T, W>(entered + i, slope * (T(1) - wave * wave));
      if (gated) store<T, W>(entered + count + i, slope * wave * (T(1) - gate));
    }
  }
};

}  // namespace ddspfx
