// Delay lines read at moving places by a few taps, and their transpose. The taps are polynomials in the fraction;
// they are made for W samples at once, and while the place moves on with the samples so is all the rest.
#include "line.h"

using namespace ddspfx;

namespace {

// Taps k of W samples by Horner's rule.
template <class T, int TAPS>
inline void taps_of(const T* rows, const Wide<T>& centred, Wide<T> (&taps)[TAPS]) {
  for (int k = 0; k < TAPS; ++k) {
    Wide<T> value = splat<T, WIDE<T>>(rows[k * TAPS + TAPS - 1]);
    for (int p = TAPS - 2; p >= 0; --p) value = value * centred + rows[k * TAPS + p];
    taps[k] = value;
  }
}

template <class T, int TAPS>
inline void read_block(const Line<const T>& from, const Places<T>& places, const Wide<T> (&taps)[TAPS], T* y, int count) {
  constexpr int W = WIDE<T>;
  const T* piece = places.run ? from.piece(places.first[0], TAPS - 1 + W) : nullptr;
  if (piece) {
    Wide<T> sum = taps[0] * load<T, WIDE<T>>(piece);
    for (int k = 1; k < TAPS; ++k) sum += taps[k] * load<T, WIDE<T>>(piece + k);
    store<T, WIDE<T>>(y, sum);
    return;
  }
  T spilt[TAPS][W];
  for (int k = 0; k < TAPS; ++k) store<T, WIDE<T>>(spilt[k], taps[k]);
  for (int j = 0; j < count; ++j) {
    const int64_t first = places.first[j];
    T sum = 0;
    if (const T* window = from.piece(first, TAPS))
      for (int k = 0; k < TAPS; ++k) sum += spilt[k][j] * window[k];
    else
      for (int k = 0; k < TAPS; ++k) sum += spilt[k][j] * from[first + k];
    y[j] = sum;
  }
}

// Each vector moved on by one lane into the next: (low, high) <- one lane later.
template <class V, int... I>
inline void moved_on(V& low, V& high, std::integer_sequence<int, I...>) {
  constexpr int W = sizeof...(I);
  high = __builtin_shufflevector(low, high, (W - 1 + I)...);
  low = __builtin_shufflevector(V{}, low, (I ? W - 1 + I : 0)...);
}

template <class T, int TAPS>
inline void lay_block(const Line<T>& to, const Places<T>& places, const Wide<T> (&taps)[TAPS], const T* bar, int count) {
  constexpr int W = WIDE<T>;
  T* piece = places.run ? to.piece(places.first[0], 2 * W) : nullptr;
  if (piece) {
    const Wide<T> slope = load<T, WIDE<T>>(bar);
    Wide<T> low = taps[TAPS - 1] * slope, high = {};
    for (int k = TAPS - 2; k >= 0; --k) {
      moved_on(low, high, std::make_integer_sequence<int, W>{});
      low += taps[k] * slope;
    }
    store<T, WIDE<T>>(piece, load<T, WIDE<T>>(piece) + low);
    store<T, WIDE<T>>(piece + W, load<T, WIDE<T>>(piece + W) + high);
    return;
  }
  T spilt[TAPS][W];
  for (int k = 0; k < TAPS; ++k) store<T, WIDE<T>>(spilt[k], taps[k]);
  for (int j = 0; j < count; ++j) {
    const int64_t first = places.first[j];
    if (T* window = to.piece(first, TAPS))
      for (int k = 0; k < TAPS; ++k) window[k] += spilt[k][j] * bar[j];
    else
      for (int k = 0; k < TAPS; ++k) to[first + k] += spilt[k][j] * bar[j];
  }
}

template <class T, int TAPS>
void read(const Frame& frame) {
  constexpr int W = WIDE<T>;
  const Course<T> course(frame, 2, frame.out_length(0));
  const int64_t lines = frame.in_lines(0), memory = frame.in_length(0), samples = frame.in_length(1);
  const int64_t count = course.count, ways = course.ways(), shared = lines / ways;
  const bool both = frame.in_size(4, 0) > 1;
  Places<T> places;
  Wide<T> taps[TAPS], slopes[TAPS] = {};
  for (int64_t w = 0; w < ways; ++w) {
    const Way<T> way = course.way(w, memory + samples);
    for (int64_t n = 0; n < count; n += W) {
      const int live = static_cast<int>(std::min<int64_t>(W, count - n));
      way.places(n, places);
      taps_of(course.taps, places.centred, taps);
      if (both) taps_of(course.taps + TAPS * TAPS, places.centred, slopes);
      for (int64_t c = w * shared; c < (w + 1) * shared; ++c) {
        const auto from = line<const T>(frame.in<T>(0), frame.in<T>(1), memory, samples, c);
        read_block(from, places, taps, frame.out<T>(0) + c * count + n, live);
        if (both) read_block(from, places, slopes, frame.out<T>(1) + c * count + n, live);
      }
    }
  }
}

template <class T, int TAPS>
void lay(const Frame& frame) {
  constexpr int W = WIDE<T>;
  const Course<T> course(frame, 1, frame.in_length(0));
  const int64_t lines = frame.out_lines(0), memory = frame.out_length(0), samples = frame.out_length(1);
  const int64_t count = course.count, ways = course.ways(), shared = lines / ways;
  Places<T> places;
  Wide<T> taps[TAPS];
  for (int64_t w = 0; w < ways; ++w) {
    const Way<T> way = course.way(w, memory + samples);
    std::fill_n(frame.out<T>(0) + w * shared * memory, shared * memory, T(0));
    std::fill_n(frame.out<T>(1) + w * shared * samples, shared * samples, T(0));
    for (int64_t n = 0; n < count; n += W) {
      const int live = static_cast<int>(std::min<int64_t>(W, count - n));
      way.places(n, places);
      taps_of(course.taps, places.centred, taps);
      for (int64_t c = w * shared; c < (w + 1) * shared; ++c) {
        const auto to = line<T>(frame.out<T>(0), frame.out<T>(1), memory, samples, c);
        lay_block(to, places, taps, frame.in<T>(0) + c * count + n, live);
      }
    }
  }
}

// past, fresh, index, lag, polynomials (1 or 2, taps, powers) -> y, and its slope by the lag when there are two
template <class T>
void line_read(const Frame& frame) {
  switch (frame.in_size(4, 1)) {
    case 2: return read<T, 2>(frame);
    case 4: return read<T, 4>(frame);
    case 6: return read<T, 6>(frame);
    case 8: return read<T, 8>(frame);
  }
}

// slope of y, index, lag, polynomials (1, taps, powers) -> slopes of past and fresh
template <class T>
void line_lay(const Frame& frame) {
  switch (frame.in_size(3, 1)) {
    case 2: return lay<T, 2>(frame);
    case 4: return lay<T, 4>(frame);
    case 6: return lay<T, 6>(frame);
    case 8: return lay<T, 8>(frame);
  }
}

}  // namespace

DDSPFX_TARGET(line_read)
DDSPFX_TARGET(line_lay)
