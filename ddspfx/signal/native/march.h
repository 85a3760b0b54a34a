// A recurrence that acts on each channel alone, W channels at once: forwards in time, or backwards for an adjoint.
#pragma once

#include <algorithm>

#include "frame.h"
#include "lanes.h"

namespace ddspfx {

// An output of (channels, samples), or of (channels, 1): then the sum over time, kept in double precision.
template <class T>
struct Result {
  T* data;
  int64_t samples;
};

template <class T, int W, int IN, int OUT, class Step>
inline void march_lanes(const Rows<T> (&in)[IN], const Result<T> (&out)[OUT], const T* start, T* end, int64_t c0,
                        int64_t channels, int64_t samples, bool backwards, const Step& step) {
  constexpr int S = Step::STATES;
  const int live = static_cast<int>(std::min<int64_t>(W, channels - c0));
  vec<T, W> state[S];
  double sums[OUT][W] = {};
  for (int s = 0; s < S; ++s)
    for (int c = 0; c < W; ++c) state[s][c] = start[(c0 + std::min(c, live - 1)) * S + s];
  const int64_t tiles = (samples + W - 1) / W;
  vec<T, W> tile[IN][W], done[OUT][W];
  // What stays the same in time is read once.
  for (int i = 0; i < IN; ++i)
    if (!in[i].time && !in[i].first) load_tile<T, W>(in[i], c0, 0, channels, samples, tile[i]);
  for (int64_t n = 0; n < tiles; ++n) {
    const int64_t t0 = (backwards ? tiles - 1 - n : n) * W;
    const int count = static_cast<int>(std::min<int64_t>(W, samples - t0));
    for (int i = 0; i < IN; ++i)
      if (in[i].time || in[i].first) load_tile<T, W>(in[i], c0, t0, channels, samples, tile[i]);
    for (int k = 0; k < count; ++k) {
      const int t = backwards ? count - 1 - k : k;
      vec<T, W> now[IN], made[OUT];
      for (int i = 0; i < IN; ++i) now[i] = tile[i][t];
      step(now, state, made);
      for (int o = 0; o < OUT; ++o) done[o][t] = made[o];
    }
    for (int o = 0; o < OUT; ++o) {
      if (out[o].samples == samples) {
        store_tile<T, W>(out[o].data, c0, t0, channels, samples, done[o]);
        continue;
      }
      vec<T, W> sum = done[o][0];
      for (int t = 1; t < count; ++t) sum += done[o][t];
      for (int c = 0; c < W; ++c) sums[o][c] += sum[c];
    }
  }
  for (int c = 0; c < live; ++c) {
    for (int o = 0; o < OUT; ++o)
      if (out[o].samples != samples) out[o].data[c0 + c] = static_cast<T>(sums[o][c]);
    for (int s = 0; s < S; ++s) end[(c0 + c) * S + s] = state[s][c];
  }
}

// `step(now, state, made)` takes IN vectors and Step::STATES states to OUT vectors; it is a functor with a template
// call. `start` and `end` are (channels, states).
template <class T, int IN, int OUT, class Step>
inline void march(const Rows<T> (&in)[IN], const Result<T> (&out)[OUT], const T* start, T* end, int64_t channels,
                  int64_t samples, bool backwards, const Step& step) {
  constexpr int WIDE = 32 / sizeof(T);
  int64_t c0 = 0;
  for (; channels - c0 > WIDE / 2; c0 += WIDE)
    march_lanes<T, WIDE>(in, out, start, end, c0, channels, samples, backwards, step);
  for (; channels - c0 > 1; c0 += WIDE / 2)
    march_lanes<T, WIDE / 2>(in, out, start, end, c0, channels, samples, backwards, step);
  if (channels - c0 == 1) march_lanes<T, 1>(in, out, start, end, c0, channels, samples, backwards, step);
}

// The places of the inputs as rows, all of (channels or 1, samples or 1).
template <class T>
inline Rows<T> in_rows(const Frame& frame, int place) {
  return rows(frame.in<T>(place), frame.in_size(place, 0), frame.in_size(place, 1));
}

template <class T>
inline Rows<T> late_rows(const Frame& frame, int place, const T* first, int64_t step) {
  Rows<T> late = in_rows<T>(frame, place);
  late.first = first, late.step = step, late.time = 1;
  if (frame.in_size(place, 0) > 1) late.channel = frame.in_size(place, 1);
  return late;
}

template <class T>
inline Result<T> result(const Frame& frame, int place) {
  return {frame.out<T>(place), frame.out_size(place, 1)};
}

}  // namespace ddspfx
