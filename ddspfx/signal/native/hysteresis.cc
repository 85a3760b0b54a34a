// Jiles and Atherton's hysteresis: forwards with channels side by side, backwards with samples side by side, since the
// slopes of each sample's step need only the states that are known by then.
#include <algorithm>
#include <vector>

#include "march.h"
#include "travel.h"

using namespace ddspfx;

namespace {

#if defined(__AVX512F__)
constexpr int BYTES = 64;
#else
constexpr int BYTES = 32;
#endif

template <Solver S, class T, int W>
void magnetise_lanes(const Frame& frame, int64_t c0, int64_t channels, int64_t samples, int steps) {
  using V = vec<T, W>;
  constexpr int IN = 6;
  const T* start = frame.in<T>(0);
  T *M = frame.out<T>(0), *end = frame.out<T>(1);
  V tile[IN][W], done[W], state, last, keep[W], scale[W];
  Travel<V> ways[W];
  const int live = static_cast<int>(std::min<int64_t>(W, channels - c0));
  for (int c = 0; c < W; ++c) {
    const int64_t place = (c0 + std::min(c, live - 1)) * 2;
    state[c] = start[place], last[c] = start[place + 1];
  }
  Rows<T> in[IN];
  for (int i = 0; i < IN; ++i) {
    in[i] = in_rows<T>(frame, i + 1);
    if (!in[i].time) load_tile<T, W>(in[i], c0, 0, channels, samples, tile[i]);
  }
  // One channel is read as the same in all lanes.
  const int64_t read = channels == 1 ? W : channels;
  for (int64_t t0 = 0; t0 < samples; t0 += W) {
    const int count = static_cast<int>(std::min<int64_t>(W, samples - t0));
    for (int i = 0; i < IN; ++i)
      if (in[i].time) load_tile<T, W>(in[i], c0, t0, read, samples, tile[i]);
    for (int t = 0; t < count; ++t) {
      Travel<V>& way = ways[t] = Travel<V>(tile[0][t], last, tile[2][t], tile[3][t], tile[4][t], tile[5][t], steps);
      if (__builtin_expect(way.leaps, 0)) way.leap();
      last = tile[0][t];
      scale[t] = way.sign * tile[1][t];
      keep[t] = way.fade / scale[t];
    }
    for (int t = 0; t < count; ++t) {
      const Travel<V>& way = ways[t];
      V m = way.leapt + state * keep[t];
      for (int j = 0; j < steps; ++j) m = step<S, V>(way.begin + static_cast<T>(j) * way.step, m, way.step, way.material);
      done[t] = state = scale[t] * m;
    }
    store_tile<T, W>(M, c0, t0, channels, samples, done);
  }
  for (int c = 0; c < live; ++c) end[(c0 + c) * 2] = state[c], end[(c0 + c) * 2 + 1] = last[c];
}

template <Solver S, class T>
void magnetise_by(const Frame& frame) {
  constexpr int WIDE = BYTES / sizeof(T), NARROW = 32 / sizeof(T);
  const int steps = static_cast<int>(frame.attribute(1));
  const int64_t channels = frame.in_lines(0), samples = frame.out_length(0);
  int64_t c0 = 0;
  if constexpr (SINGLE<T> && BYTES > 32)
    for (; channels - c0 > NARROW; c0 += WIDE) magnetise_lanes<S, T, WIDE>(frame, c0, channels, samples, steps);
  for (; channels > c0; c0 += NARROW) magnetise_lanes<S, T, NARROW>(frame, c0, channels, samples, steps);
}

// start (channels, 2) of M and H, H, Ms, 1 / a, kappa, coupling, c -> M (channels, samples), end (channels, 2)
template <class T>
void magnetise(const Frame& frame) {
  switch (frame.attribute(0)) {
    case RK2: return magnetise_by<RK2, T>(frame);
    case RK4: return magnetise_by<RK4, T>(frame);
    default: return magnetise_by<NEWTON, T>(frame);
  }
}

// W samples of a channel, one after another; past the end the last.
template <class T, int W>
inline vec<T, W> along(const Rows<T>& row, int64_t c, int64_t t0, int64_t samples) {
  if (!row.time) return splat<T, W>(row.at(c, 0));
  if (t0 + W <= samples && (!row.first || t0)) return load<T, W>(row.data + c * row.channel + t0 - (row.first ? 1 : 0));
  vec<T, W> value;
  for (int t = 0; t < W; ++t) value[t] = row.at(c, std::min(t0 + t, samples - 1));
  return value;
}

template <Solver S, class T>
void magnetise_back_by(const Frame& frame) {
  constexpr int W = BYTES / sizeof(T), MADE = 5;
  using V = vec<T, W>;
  using Sum = vec<double, W>;
  const int64_t channels = frame.in_lines(0), samples = frame.in_length(2);
  const int steps = static_cast<int>(frame.attribute(1));
  const T* start = frame.in<T>(0);
  T *by_H = frame.out<T>(0), *by_first = frame.out<T>(1 + MADE);
  Rows<T> in[7];
  for (int i = 0; i < 7; ++i) in[i] = in_rows<T>(frame, i + 1);
  const Rows<T> last = late_rows<T>(frame, 2, start + 1, 2), M = late_rows<T>(frame, 8, start, 2);
  Result<T> made[MADE];
  for (int o = 0; o < MADE; ++o) made[o] = result<T>(frame, o + 1);
  std::vector<T> room((steps + 1) * W);
  V* trail = reinterpret_cast<V*>((reinterpret_cast<uintptr_t>(room.data()) + sizeof(V) - 1) / sizeof(V) * sizeof(V));
  for (int64_t c = 0; c < channels; ++c) {
    Sum sums[MADE] = {};
    T later = 0;            // the slope to this sample's M from all after it,
    T by_last[W + 1] = {};  // and to each sample's H from the sample after it
    for (int64_t t0 = (samples - 1) / W * W; t0 >= 0; t0 -= W) {
      const int count = static_cast<int>(std::min<int64_t>(W, samples - t0));
      V now[7];
      for (int i = 0; i < 7; ++i) now[i] = along<T, W>(in[i], c, t0, samples);
      const V before = along<T, W>(last, c, t0, samples), m = along<T, W>(M, c, t0, samples) / now[2];
      Travel<V> way(now[1], before, now[3], now[4], now[5], now[6], steps);
      const SampleSlopes<S, V> by(way, way.sign * m, steps, trail);
      V bar = {};
      for (int t = count; t-- > 0;) {
        bar[t] = now[0][t] + later;
        later = bar[t] * by.by_m[t];
      }
      const V scaled = bar * now[2], signed_ = scaled * way.sign, of_way = scaled * by.by_way * now[3];
      const V slopes[MADE] = {bar * (way.sign * by.end - by.by_m * m),
                              scaled * (by.by_start * before + by.by_way * (now[1] - before)), signed_ * by.by_kappa,
                              signed_ * by.by_coupling, signed_ * by.by_c};
      by_last[count] = by_last[0];
      const V of_last = scaled * by.by_start * now[3] - of_way;
      for (int t = 0; t < count; ++t) by_last[t] = of_last[t];
      for (int t = 0; t < count; ++t) by_H[c * samples + t0 + t] = of_way[t] + by_last[t + 1];
      for (int o = 0; o < MADE; ++o) {
        if (made[o].samples != samples)
          sums[o] += __builtin_convertvector(slopes[o], Sum);
        else
          for (int t = 0; t < count; ++t) made[o].data[c * samples + t0 + t] = slopes[o][t];
      }
    }
    for (int o = 0; o < MADE; ++o) {
      if (made[o].samples == samples) continue;
      double sum = 0;
      for (int t = 0; t < W; ++t) sum += sums[o][t];
      made[o].data[c] = static_cast<T>(sum);
    }
    by_first[c * 2] = later, by_first[c * 2 + 1] = by_last[0];
  }
}

// start (channels, 2), slope of M, H, Ms, 1 / a, kappa, coupling, c, M -> slopes of H, Ms, 1 / a, kappa, coupling, c,
// start; each of all samples or summed over them
template <class T>
void magnetise_back(const Frame& frame) {
  switch (frame.attribute(0)) {
    case RK2: return magnetise_back_by<RK2, T>(frame);
    case RK4: return magnetise_back_by<RK4, T>(frame);
    default: return magnetise_back_by<NEWTON, T>(frame);
  }
}

}  // namespace

DDSPFX_TARGET(magnetise)
DDSPFX_TARGET(magnetise_back)
