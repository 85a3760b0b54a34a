// A delay line in two pieces, and the places where it is read: whole samples and a fraction, W of them at once.
#pragma once

#include <algorithm>

#include "frame.h"
#include "lanes.h"

namespace ddspfx {

#if defined(__AVX512F__)
constexpr int LINE_BYTES = 64;
#else
constexpr int LINE_BYTES = 32;
#endif

template <class T>
constexpr int WIDE = LINE_BYTES / sizeof(T);
template <class T>
using Wide = vec<T, WIDE<T>>;

// What was remembered and what came after it, one after the other.
template <class T>
struct Line {
  T* past;
  T* fresh;
  int64_t memory, samples;

  // Where `span` samples from `place` lie one after the other; null where the seam is between them, or an end.
  T* piece(int64_t place, int64_t span) const {
    if (place + span <= memory) return past + place;
    return place >= memory && place + span <= memory + samples ? fresh + (place - memory) : nullptr;
  }
  T& operator[](int64_t place) const { return place < memory ? past[place] : fresh[place - memory]; }
};

template <class T, class Data>
inline Line<T> line(Data* past, Data* fresh, int64_t memory, int64_t samples, int64_t channel) {
  return {past + channel * memory, fresh + channel * samples, memory, samples};
}

template <class T>
struct Places {
  int32_t first[WIDE<T>];   // where the windows of taps begin
  Wide<T> centred;  // fractions less one half
  bool run;           // whether each window begins one sample after the one before
};

// Sample n reads at index - floor(lag[n]) + n, or index[n] - floor(lag[n]), and the fraction of the lag before that.
// Windows that leave the line are moved inside it, whatever the lag is, infinite or not a number.
template <class T>
struct Way {
  const int32_t* index;
  bool each;  // whether there is an index for each sample
  const T* lag;
  bool moves;  // whether there is a lag for each sample
  int64_t count;
  int32_t last;  // where the last window may begin
  int32_t before;  // taps / 2

  void places(int64_t n, Places<T>& out) const {
    constexpr int W = WIDE<T>;
    typedef vec<int32_t, W> Ints;
    typedef vec<uint32_t, W> Words;
    const T far = static_cast<T>(1 << 30);
    vec<T, W> lags = {};
    Ints start = {}, steps = {};
    for (int j = 0; j < W; ++j) steps[j] = j;
    if (n + W <= count) {
      lags = moves ? load<T, W>(lag + n) : splat<T, W>(*lag);
      start = each ? load<int32_t, W>(index + n) : *index + static_cast<int32_t>(n) + steps;
    } else {  // the last places hold the last sample
      for (int j = 0; j < W; ++j) {
        const int64_t m = std::min(n + j, count - 1);
        lags[j] = lag[moves ? m : 0], start[j] = each ? index[m] : *index + static_cast<int32_t>(m);
      }
    }
    vec<T, W> held = lags > -far ? lags : splat<T, W>(-far);
    held = held < far ? held : splat<T, W>(far);
    Ints whole = __builtin_convertvector(held, Ints);
    const vec<T, W> cut = __builtin_convertvector(whole, vec<T, W>);
    whole += __builtin_convertvector(cut > held, Ints);  // true is -1
    // What is infinite or not a number has no fraction.
    out.centred = held - __builtin_convertvector(whole, vec<T, W>) - T(0.5) + (lags - lags);
    Ints first = (Ints)((Words)start - (Words)whole - static_cast<uint32_t>(before));
    first = first < 0 ? Ints{} : first;
    first = first > last ? Ints{} + last : first;
    store<int32_t, W>(out.first, first);
    const Ints bent = (first - steps) ^ splat<int32_t, W>(out.first[0]);
    int32_t any = 0;
    for (int j = 0; j < W; ++j) any |= bent[j];
    out.run = n + W <= count && any == 0;
  }
};

// What reads and what lays back have in common: the lines, the ways through them, the polynomials of the taps.
template <class T>
struct Course {
  const int32_t* index;
  const T* lag;
  const T* taps;  // (orders, taps, powers)
  int64_t count, indices, steps, lags, moves, width;

  Course(const Frame& frame, int place, int64_t samples)
      : index(frame.in<int32_t>(place)), lag(frame.in<T>(place + 1)), taps(frame.in<T>(place + 2)), count(samples),
        indices(frame.in_lines(place)), steps(frame.in_length(place)), lags(frame.in_lines(place + 1)),
        moves(frame.in_length(place + 1)), width(frame.in_size(place + 2, 1)) {}

  // Neighbouring lines may share their way: there are this many ways.
  int64_t ways() const { return std::max(indices, lags); }
  Way<T> way(int64_t w, int64_t length) const {
    const int64_t i = w * indices / ways(), l = w * lags / ways();
    return {index + i * steps, steps > 1, lag + l * moves, moves > 1, count,
            static_cast<int32_t>(length - width), static_cast<int32_t>(width / 2)};
  }
};

}  // namespace ddspfx
