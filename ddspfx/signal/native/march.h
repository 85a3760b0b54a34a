// A recurrence that acts on each channel alone, W channels at once: forwards in time, or backwards for an adjoint.
#pragma once

#include <algorithm>

#include "frame.h"
#include "lanes.h"

namespace ddspfx {

// The states are kept once in so many samples for `unwind`, which works out those between; as in svf.py.
constexpr int CHUNK = 256;

// An output of (channels, samples), or of (channels, 1): then the sum over time, kept in double precision.
template <class T>
struct Result {
  T* data;
  int64_t samples;
};

template <class T>
inline bool moves(const Rows<T>& row) {
  return row.time || row.first;
}

inline int64_t chunks_of(int64_t samples) { return (samples + CHUNK - 1) / CHUNK; }

// A chunk of samples of W channels, turned so that a vector holds one sample of each.
template <class T, int W>
struct Chunk {
  vec<T, W> at[CHUNK];

  void load(const Rows<T>& from, int64_t c0, int64_t t0, int64_t channels, int64_t samples) {
    for (int t = 0; t < CHUNK && t0 + t < samples; t += W) load_tile<T, W>(from, c0, t0 + t, channels, samples, tile(t));
  }
  void load_still(const Rows<T>& from, int64_t c0, int64_t channels, int64_t samples) {
    for (int c = 0; c < W; ++c) at[0][c] = from.at(std::min(c0 + c, channels - 1), 0);
    for (int t = 1; t < CHUNK && t < samples; ++t) at[t] = at[0];
  }
  void store(T* to, int64_t c0, int64_t t0, int64_t channels, int64_t samples) {
    for (int t = 0; t < CHUNK && t0 + t < samples; t += W) store_tile<T, W>(to, c0, t0 + t, channels, samples, tile(t));
  }
  // The sum of the first `count` samples, added to the sum of each channel.
  void add_to(double (&sums)[W], int count) const {
    vec<T, W> sum = at[0];
    for (int t = 1; t < count; ++t) sum += at[t];
    for (int c = 0; c < W; ++c) sums[c] += sum[c];
  }

 private:
  vec<T, W> (&tile(int t))[W] { return reinterpret_cast<vec<T, W>(&)[W]>(at[t]); }
};

// The memory that a chunk will come from is asked for one chunk ahead: with a stream for every row of every channel
// there are more of them than the processor follows by itself.
template <class T, int W, int WRITTEN = 0>
inline void prefetch(const Rows<T>& from, int64_t c0, int64_t t0, int64_t channels, int64_t samples) {
  if (!from.time || t0 < 0 || t0 >= samples) return;
  const int64_t rows = from.channel ? std::min<int64_t>(W, channels - c0) : 1;
  for (int64_t c = 0; c < rows; ++c)
    for (int t = 0; t < CHUNK; t += 64 / static_cast<int>(sizeof(T)))
      __builtin_prefetch(from.data + (c0 + c) * from.channel + t0 + t, WRITTEN);
}

template <class T, int W>
inline void prefetch(const Result<T>& to, int64_t c0, int64_t t0, int64_t channels, int64_t samples) {
  if (to.samples == samples) prefetch<T, W, 1>(Rows<T>{to.data, samples, 1}, c0, t0, channels, samples);
}

template <class T, int W, int IN, int OUT, class Step>
inline void march_lanes(const Rows<T> (&in)[IN], const Result<T> (&out)[OUT], const T* start, T* end, int64_t c0,
                        int64_t channels, int64_t samples, bool backwards, const Step& step, T* kept) {
  constexpr int S = Step::STATES;
  const int live = static_cast<int>(std::min<int64_t>(W, channels - c0));
  const int64_t chunks = chunks_of(samples);
  vec<T, W> state[S];
  double sums[OUT][W] = {};
  Chunk<T, W> given[IN], done[OUT];
  for (int s = 0; s < S; ++s)
    for (int c = 0; c < W; ++c) state[s][c] = start[(c0 + std::min(c, live - 1)) * S + s];
  for (int i = 0; i < IN; ++i)
    if (!moves(in[i])) given[i].load_still(in[i], c0, channels, samples);
  for (int64_t n = 0; n < chunks; ++n) {
    const int64_t chunk = backwards ? chunks - 1 - n : n, t0 = chunk * CHUNK;
    const int count = static_cast<int>(std::min<int64_t>(CHUNK, samples - t0));
    for (int c = 0; kept && c < live; ++c)
      for (int s = 0; s < S; ++s) kept[((c0 + c) * chunks + chunk) * S + s] = state[s][c];
    for (int i = 0; i < IN; ++i) {
      if (!moves(in[i])) continue;
      given[i].load(in[i], c0, t0, channels, samples);
      prefetch<T, W>(in[i], c0, backwards ? t0 - CHUNK : t0 + CHUNK, channels, samples);
    }
    for (int k = 0; k < count; ++k) {
      const int t = backwards ? count - 1 - k : k;
      vec<T, W> now[IN], made[OUT];
      for (int i = 0; i < IN; ++i) now[i] = given[i].at[t];
      step(now, state, made);
      for (int o = 0; o < OUT; ++o) done[o].at[t] = made[o];
    }
    for (int o = 0; o < OUT; ++o) {
      prefetch<T, W>(out[o], c0, backwards ? t0 - CHUNK : t0 + CHUNK, channels, samples);
      if (out[o].samples == samples)
        done[o].store(out[o].data, c0, t0, channels, samples);
      else
        done[o].add_to(sums[o], count);
    }
  }
  for (int c = 0; c < live; ++c) {
    for (int o = 0; o < OUT; ++o)
      if (out[o].samples != samples) out[o].data[c0 + c] = static_cast<T>(sums[o][c]);
    for (int s = 0; s < S; ++s) end[(c0 + c) * S + s] = state[s][c];
  }
}

// `step(now, state, made)` takes IN vectors and Step::STATES states to OUT vectors; it is a functor with a template
// call. `start` and `end` are (channels, states), `kept` (channels, chunks, states) where it is wanted.
template <class T, int IN, int OUT, class Step>
inline void march(const Rows<T> (&in)[IN], const Result<T> (&out)[OUT], const T* start, T* end, int64_t channels,
                  int64_t samples, bool backwards, const Step& step, T* kept = nullptr) {
  constexpr int WIDE = 32 / sizeof(T);
  int64_t c0 = 0;
  for (; channels - c0 > WIDE / 2; c0 += WIDE)
    march_lanes<T, WIDE>(in, out, start, end, c0, channels, samples, backwards, step, kept);
  for (; channels - c0 > 0; c0 += WIDE / 2)
    march_lanes<T, WIDE / 2>(in, out, start, end, c0, channels, samples, backwards, step, kept);
}

template <class T, int W, int IN, class Forth, class Back>
inline void unwind_lanes(const Rows<T> (&in)[IN], const Rows<T>& slope, const Result<T> (&out)[IN], const T* kept,
                         const T* after, T* before, int64_t c0, int64_t channels, int64_t samples, const Forth& forth,
                         const Back& back) {
  typedef vec<T, W> V;
  constexpr int S = Forth::STATES;
  const int live = static_cast<int>(std::min<int64_t>(W, channels - c0));
  const auto lane = [&](int c) { return c0 + std::min(c, live - 1); };
  const int64_t chunks = chunks_of(samples);
  Chunk<T, W> given[IN], made[IN], slopes;
  V states[CHUNK][S], adjoint[S];
  double sums[IN][W] = {};
  for (int s = 0; s < S; ++s)
    for (int c = 0; c < W; ++c) adjoint[s][c] = after[lane(c) * S + s];
  for (int i = 0; i < IN; ++i)
    if (!moves(in[i])) given[i].load_still(in[i], c0, channels, samples);
  for (int64_t chunk = chunks - 1; chunk >= 0; --chunk) {
    const int64_t t0 = chunk * CHUNK;
    const int count = static_cast<int>(std::min<int64_t>(CHUNK, samples - t0));
    for (int i = 0; i < IN; ++i) {
      if (!moves(in[i])) continue;
      given[i].load(in[i], c0, t0, channels, samples);
      prefetch<T, W>(in[i], c0, t0 - CHUNK, channels, samples);
    }
    slopes.load(slope, c0, t0, channels, samples);
    prefetch<T, W>(slope, c0, t0 - CHUNK, channels, samples);
    V state[S], now[IN], ignored[1], result[IN];
    for (int s = 0; s < S; ++s)
      for (int c = 0; c < W; ++c) state[s][c] = kept[(lane(c) * chunks + chunk) * S + s];
    for (int t = 0; t < count; ++t) {
      for (int i = 0; i < IN; ++i) now[i] = given[i].at[t];
      for (int s = 0; s < S; ++s) states[t][s] = state[s];
      forth(now, state, ignored);
    }
    for (int t = count - 1; t >= 0; --t) {
      for (int i = 0; i < IN; ++i) now[i] = given[i].at[t];
      back(now, states[t], slopes.at[t], adjoint, result);
      for (int i = 0; i < IN; ++i) made[i].at[t] = result[i];
    }
    for (int i = 0; i < IN; ++i) {
      prefetch<T, W>(out[i], c0, t0 - CHUNK, channels, samples);
      if (out[i].samples == samples)
        made[i].store(out[i].data, c0, t0, channels, samples);
      else
        made[i].add_to(sums[i], count);
    }
  }
  for (int c = 0; c < live; ++c) {
    for (int i = 0; i < IN; ++i)
      if (out[i].samples != samples) out[i].data[c0 + c] = static_cast<T>(sums[i][c]);
    for (int s = 0; s < S; ++s) before[(c0 + c) * S + s] = adjoint[s][c];
  }
}

// The adjoint of a march that kept its states once a chunk: a chunk is marched again, then gone through backwards.
// `back(now, states, slope, adjoint, made)` takes the inputs, the states before, the slope of the one output and the
// slopes of the states after to the slopes of the inputs and of the states before.
template <class T, int IN, class Forth, class Back>
inline void unwind(const Rows<T> (&in)[IN], const Rows<T>& slope, const Result<T> (&out)[IN], const T* kept,
                   const T* after, T* before, int64_t channels, int64_t samples, const Forth& forth,
                   const Back& back) {
  constexpr int WIDE = 32 / sizeof(T);
  int64_t c0 = 0;
  for (; channels - c0 > WIDE / 2; c0 += WIDE)
    unwind_lanes<T, WIDE>(in, slope, out, kept, after, before, c0, channels, samples, forth, back);
  for (; channels - c0 > 0; c0 += WIDE / 2)
    unwind_lanes<T, WIDE / 2>(in, slope, out, kept, after, before, c0, channels, samples, forth, back);
}

// The places of the inputs as rows, all of (channels or 1, samples or 1).
template <class T>
inline Rows<T> in_rows(const Frame& frame, int place) {
  return rows(frame.in<T>(place), frame.in_lines(place), frame.in_length(place));
}

template <class T>
inline Rows<T> late_rows(const Frame& frame, int place, const T* first, int64_t step) {
  Rows<T> late = in_rows<T>(frame, place);
  late.first = first, late.step = step, late.time = 1;
  if (frame.in_lines(place) > 1) late.channel = frame.in_length(place);
  return late;
}

template <class T>
inline Result<T> result(const Frame& frame, int place) {
  return {frame.out<T>(place), frame.out_length(place)};
}

}  // namespace ddspfx
