// Channels side by side in a vector: tiles of W channels by W samples, transposed on the way in and out.
#pragma once

#include <cstdint>
#include <cstring>
#include <utility>

namespace ddspfx {

template <class T, int W>
struct Lanes {
  typedef T type __attribute__((vector_size(sizeof(T) * W), aligned(sizeof(T) * W)));
};
template <class T, int W>
using vec = typename Lanes<T, W>::type;

template <class T, int W>
inline vec<T, W> splat(T value) {
  return value - vec<T, W>{};  // Not a sum: 0 + value is no value that a compiler may leave out, for value may be -0.
}

template <class T, int W>
inline vec<T, W> load(const T* from) {
  vec<T, W> value;
  std::memcpy(&value, from, sizeof(value));
  return value;
}

template <class T, int W>
inline void store(T* to, const vec<T, W>& value) {
  std::memcpy(to, &value, sizeof(value));
}

template <int W, int HALF, int... I, class V>
inline void swap_blocks(V& a, V& b, std::integer_sequence<int, I...>) {
  // The off-diagonal blocks of a two by two arrangement change places.
  const V low = __builtin_shufflevector(a, b, ((I & HALF) ? I - HALF + W : I)...);
  const V high = __builtin_shufflevector(a, b, ((I & HALF) ? I + W : I + HALF)...);
  a = low, b = high;
}

template <class T, int W, int HALF = W / 2>
inline void transpose(vec<T, W> (&rows)[W]) {
  if constexpr (HALF > 0) {
    for (int i = 0; i < W; ++i)
      if (!(i & HALF)) swap_blocks<W, HALF>(rows[i], rows[i + HALF], std::make_integer_sequence<int, W>{});
    transpose<T, W, HALF / 2>(rows);
  }
}

// An array of (channels or 1, samples or 1) as it is read for (channels, samples); what is not there is repeated.
template <class T>
struct Rows {
  const T* data;
  int64_t channel, time;
  // When given, the rows are late by one sample, and this holds the first of each channel, `step` apart.
  const T* first = nullptr;
  int64_t step = 1;

  T at(int64_t c, int64_t t) const {
    if (!first) return data[c * channel + t * time];
    return t ? data[c * channel + (t - 1) * time] : first[c * step];
  }
};

template <class T>
inline Rows<T> rows(const T* data, int64_t channels, int64_t samples) {
  return {data, channels == 1 ? 0 : samples, samples == 1 ? 0 : 1};
}

// tile[t] holds sample t0 + t of channels c0 to c0 + W - 1; places outside `channels` and `samples` hold the last.
template <class T, int W>
inline void load_tile(const Rows<T>& from, int64_t c0, int64_t t0, int64_t channels, int64_t samples,
                      vec<T, W> (&tile)[W]) {
  const bool in_time = t0 + W <= samples && (!from.first || t0 > 0), whole = in_time && c0 + W <= channels;
  const int64_t start = from.first ? t0 - 1 : t0;
  if (whole && from.time && from.channel) {
    for (int c = 0; c < W; ++c) tile[c] = load<T, W>(from.data + (c0 + c) * from.channel + start);
    transpose<T, W>(tile);
  } else if (in_time && from.time && (!from.channel || c0 + 1 == channels)) {
    for (int t = 0; t < W; ++t) tile[t] = splat<T, W>(from.data[c0 * from.channel + start + t]);
  } else {
    for (int t = 0; t < W; ++t)
      for (int c = 0; c < W; ++c)
        tile[t][c] = from.at(c0 + c < channels ? c0 + c : channels - 1, t0 + t < samples ? t0 + t : samples - 1);
  }
}

template <class T, int W>
inline void store_tile(T* to, int64_t c0, int64_t t0, int64_t channels, int64_t samples, vec<T, W> (&tile)[W]) {
  if (c0 + W <= channels && t0 + W <= samples) {
    transpose<T, W>(tile);
    for (int c = 0; c < W; ++c) store<T, W>(to + (c0 + c) * samples + t0, tile[c]);
  } else {
    for (int c = 0; c < W && c0 + c < channels; ++c)
      for (int t = 0; t < W && t0 + t < samples; ++t) to[(c0 + c) * samples + t0 + t] = tile[t][c];
  }
}

}  // namespace ddspfx
