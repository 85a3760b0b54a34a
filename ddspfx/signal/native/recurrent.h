// Sizes, places and packed weights of a recurrent cell.
#pragma once

#include <algorithm>
#include <vector>

#include "cells.h"
#include "frame.h"
#include "product.h"

namespace ddspfx {

// Numbers at the start of a line of the cache, all zero at first.
template <class T>
class Room {
 public:
  explicit Room(int64_t count) : held_(count + 64 / sizeof(T)) {}
  T* data() { return reinterpret_cast<T*>((reinterpret_cast<uintptr_t>(held_.data()) + 63) & ~uintptr_t{63}); }
  void clear() { std::fill(held_.begin(), held_.end(), T(0)); }

 private:
  std::vector<T> held_;
};

// Takes share weights in `groups` of equal size. Hidden units are padded to whole vectors.
template <class T>
struct Sizes {
  static constexpr int W = wide<T>;
  int64_t takes, samples, channels, inputs, hidden, groups, blocks, padded;

  // From x (takes, samples, channels, inputs) and the recurrent weights (groups, hidden, gates hidden).
  Sizes(const Frame& frame, int x, int recurrent)
      : takes(frame.in_size(x, 0)), samples(frame.in_size(x, 1)), channels(frame.in_size(x, 2)),
        inputs(frame.in_size(x, 3)), hidden(frame.in_size(recurrent, 1)), groups(frame.in_size(recurrent, 0)),
        blocks((hidden + W - 1) / W), padded(blocks * W) {}

  // How many channels share weights: rows, which take their steps together.
  int64_t rows() const { return takes / groups * channels; }

  // Where a row's samples lie among all samples of all takes; row is a channel of a take, counted through all takes.
  int64_t place(int64_t row, int64_t t) const {
    return (row / channels * samples + t) * channels + row % channels;
  }

  // What is kept for the slopes has a sample more in each take: takes of 2048 samples, say, would all fall into the
  // same places of the cache. How far that moves a row.
  int64_t late(int64_t row) const { return row / channels * channels; }
};

template <class T, int W>
inline vec<T, W> load_part(const T* from, int64_t count) {
  if (count >= W) return load<T, W>(from);
  vec<T, W> value = {};
  std::memcpy(&value, from, sizeof(T) * count);
  return value;
}

template <class T, int W>
inline void store_part(T* to, const vec<T, W>& value, int64_t count) {
  if (count >= W) return store<T, W>(to, value);
  std::memcpy(to, &value, sizeof(T) * count);
}

// Rows of (count, N hidden) as (blocks, rows, N, W): what a block of W hidden units needs lies together.
template <class T, int N>
inline void pack(const T* from, int64_t count, int64_t rows, const Sizes<T>& sizes, T* to) {
  constexpr int W = wide<T>;
  for (int64_t j = 0; j < sizes.blocks; ++j)
    for (int64_t k = 0; k < count; ++k)
      for (int n = 0; n < N; ++n)
        store<T, W>(to + ((j * rows + k) * N + n) * W,
                    load_part<T, W>(from + (k * N + n) * sizes.hidden + j * W, sizes.hidden - j * W));
}

// f(M, m) over the rows m, m + 1, ... m + M - 1, M no more than MOST and constant in each call.
template <int MOST, class F>
inline void in_tiles(int64_t rows, const F& f) {
  int64_t m = 0;
  for (; m + MOST <= rows; m += MOST) f(std::integral_constant<int, MOST>(), m);
  if constexpr (MOST > 1) in_tiles<MOST / 2>(rows - m, [&](auto M, int64_t rest) { f(M, m + rest); });
}

}  // namespace ddspfx
