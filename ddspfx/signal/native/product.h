// Small matrix products whose sums stay in registers: M rows of numbers by N vectors of columns.
#pragma once

#include "lanes.h"

namespace ddspfx {

// As many numbers as the processor's widest registers hold.
template <class T>
constexpr int wide =
#if defined(__AVX512F__)
    64 / sizeof(T);
#elif defined(__AVX2__)
    32 / sizeof(T);
#else
    16 / sizeof(T);
#endif

// sum[m][n] = sum over k of a[m stride + k] b[k][n], b holding N vectors for each k. `count` is a multiple of 4.
template <class T, int W, int M, int N>
inline void product(const T* a, int64_t stride, const T* b, int64_t count, vec<T, W> (&sum)[M][N]) {
  // A sum waits for its last addition: with few rows there are several sums for each place, joined at the end.
  constexpr int S = M == 1 ? 4 : M == 2 ? 2 : 1;
  vec<T, W> part[S][M][N] = {};
  for (int64_t k = 0; k < count; k += S) {
#pragma GCC unroll 4
    for (int s = 0; s < S; ++s) {
      vec<T, W> column[N];
#pragma GCC unroll 4
      for (int n = 0; n < N; ++n) column[n] = load<T, W>(b + ((k + s) * N + n) * W);
#pragma GCC unroll 8
      for (int m = 0; m < M; ++m) {
        const vec<T, W> row = splat<T, W>(a[m * stride + k + s]);
#pragma GCC unroll 4
        for (int n = 0; n < N; ++n) part[s][m][n] += row * column[n];
      }
    }
  }
#pragma GCC unroll 8
  for (int m = 0; m < M; ++m)
#pragma GCC unroll 4
    for (int n = 0; n < N; ++n) {
      sum[m][n] = part[0][m][n];
      for (int s = 1; s < S; ++s) sum[m][n] += part[s][m][n];
    }
}

}  // namespace ddspfx
