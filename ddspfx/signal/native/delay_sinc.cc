// Delay lines read at moving places by 32 taps of a windowed sinc, and their transpose. The taps of one sample are
// side by side in two vectors: the newer half and the older one, which is the mirror of the other.
#include "line.h"

using namespace ddspfx;

namespace {

constexpr int HALF = 16, TAPS = 2 * HALF, POWERS = 12, TILE = 64;
template <class T>
using Lot = vec<T, HALF>;

template <class V, int... I>
inline V mirrored(const V& given, std::integer_sequence<int, I...>) {
  return __builtin_shufflevector(given, given, (HALF - 1 - I)...);
}

template <class V, int... I>
inline V next(const V& low, const V& high, std::integer_sequence<int, I...>) {
  return __builtin_shufflevector(low, high, (1 + I)...);
}

constexpr auto LANES = std::make_integer_sequence<int, HALF>{};

// The polynomials of the newer half by powers. With v the fraction less one half, h_k(v) = even_k(v^2) + v odd_k(v^2),
// and the mirrored tap is even - v odd: half the work. Deriving once turns the sign of the mirror.
template <class T>
struct Mirror {
  Lot<T> powers[POWERS];
  T sign;

  Mirror(const T* rows, int64_t order) : sign(order & 1 ? T(-1) : T(1)) {
    for (int p = 0; p < POWERS; ++p)
      for (int k = 0; k < HALF; ++k) powers[p][k] = rows[(HALF + k) * POWERS + p];
  }

  void taps(T centred, T* to) const {
    const T square = centred * centred;
    Lot<T> even = powers[POWERS - 2], odd = powers[POWERS - 1];
    for (int p = POWERS - 4; p >= 0; p -= 2) even = even * square + powers[p], odd = odd * square + powers[p + 1];
    odd *= centred;
    store<T, HALF>(to, mirrored((even - odd) * sign, LANES));
    store<T, HALF>(to + HALF, even + odd);
  }
};

// The taps of a tile of samples, and where their windows begin.
template <class T>
struct Tile {
  int32_t first[TILE];
  alignas(64) T taps[TILE][TAPS];

  void fill(const Way<T>& way, int64_t n, int live, const Mirror<T>& mirror) {
    Places<T> places;
    for (int j = 0; j < live; j += WIDE<T>) {
      way.places(n + j, places);
      for (int i = 0; i < WIDE<T> && j + i < live; ++i) {
        first[j + i] = places.first[i];
        mirror.taps(places.centred[i], taps[j + i]);
      }
    }
  }
};

template <class T>
inline Lot<T> weighted(const Line<const T>& from, int64_t first, const T* taps) {
  if (const T* window = from.piece(first, TAPS))
    return load<T, HALF>(taps) * load<T, HALF>(window) + load<T, HALF>(taps + HALF) * load<T, HALF>(window + HALF);
  Lot<T> sum;
  for (int k = 0; k < HALF; ++k) sum[k] = taps[k] * from[first + k] + taps[k + HALF] * from[first + k + HALF];
  return sum;
}

// rows[0][i] <- the sum over rows[i]: a transposition that adds as soon as it can.
template <int STEP, class V>
inline void sum_each(V (&rows)[HALF]) {
  for (int i = 0; i < STEP; ++i) {
    swap_blocks<HALF, STEP>(rows[i], rows[i + STEP], LANES);
    rows[i] += rows[i + STEP];
  }
  if constexpr (STEP > 1) sum_each<STEP / 2>(rows);
}

template <class T>
inline void read_tile(const Line<const T>& from, const Tile<T>& tile, T* y, int live) {
  for (int j = 0; j < live; j += HALF) {
    Lot<T> rows[HALF];
    const int count = std::min(HALF, live - j);
    for (int i = 0; i < count; ++i) rows[i] = weighted(from, tile.first[j + i], tile.taps[j + i]);
    for (int i = count; i < HALF; ++i) rows[i] = Lot<T>{};
    sum_each<HALF / 2>(rows);
    if (count == HALF) store<T, HALF>(y + j, rows[0]);
    else for (int i = 0; i < count; ++i) y[j + i] = rows[0][i];
  }
}

template <class T>
inline void add(const Line<T>& to, int64_t first, const Lot<T>& low, const Lot<T>& high) {
  if (T* window = to.piece(first, TAPS)) {
    store<T, HALF>(window, load<T, HALF>(window) + low);
    store<T, HALF>(window + HALF, load<T, HALF>(window + HALF) + high);
  } else {
    for (int k = 0; k < HALF; ++k) to[first + k] += low[k], to[first + k + HALF] += high[k];
  }
}

// A window of sums slides along the line; it gives off a sample at each step and is laid down where the place jumps.
template <class T>
inline void lay_tile(const Line<T>& to, const Tile<T>& tile, const T* bar, int live) {
  int64_t place = tile.first[0];
  Lot<T> low = {}, high = {};
  for (int j = 0; j < live; ++j) {
    if (j && tile.first[j] == place + 1) {
      to[place++] += low[0];
      low = next(low, high, LANES), high = next(high, Lot<T>{}, LANES);
    } else if (tile.first[j] != place) {
      add(to, place, low, high);
      place = tile.first[j], low = high = Lot<T>{};
    }
    low += load<T, HALF>(tile.taps[j]) * bar[j];
    high += load<T, HALF>(tile.taps[j] + HALF) * bar[j];
  }
  add(to, place, low, high);
}

// past, fresh, index, lag, polynomials (1 or 2, taps, powers) -> y, and its slope by the lag when there are two
template <class T>
void sinc_read(const Frame& frame) {
  const Course<T> course(frame, 2, frame.out_length(0));
  const int64_t memory = frame.in_length(0), samples = frame.in_length(1), count = course.count;
  const int64_t shared = frame.in_lines(0) / course.ways(), orders = frame.in_size(4, 0);
  Tile<T> tile;
  for (int64_t o = 0; o < orders; ++o) {
    const Mirror<T> mirror(course.taps + o * TAPS * POWERS, frame.attribute(0) + o);
    for (int64_t w = 0; w < course.ways(); ++w) {
      const Way<T> way = course.way(w, memory + samples);
      for (int64_t n = 0; n < count; n += TILE) {
        const int live = static_cast<int>(std::min<int64_t>(TILE, count - n));
        tile.fill(way, n, live, mirror);
        for (int64_t c = w * shared; c < (w + 1) * shared; ++c)
          read_tile(line<const T>(frame.in<T>(0), frame.in<T>(1), memory, samples, c), tile,
                    frame.out<T>(static_cast<int>(o)) + c * count + n, live);
      }
    }
  }
}

// slope of y, index, lag, polynomials (1, taps, powers) -> slopes of past and fresh
template <class T>
void sinc_lay(const Frame& frame) {
  const Course<T> course(frame, 1, frame.in_length(0));
  const int64_t memory = frame.out_length(0), samples = frame.out_length(1), count = course.count;
  const int64_t shared = frame.out_lines(0) / course.ways();
  const Mirror<T> mirror(course.taps, frame.attribute(0));
  Tile<T> tile;
  for (int64_t w = 0; w < course.ways(); ++w) {
    const Way<T> way = course.way(w, memory + samples);
    std::fill_n(frame.out<T>(0) + w * shared * memory, shared * memory, T(0));
    std::fill_n(frame.out<T>(1) + w * shared * samples, shared * samples, T(0));
    for (int64_t n = 0; n < count; n += TILE) {
      const int live = static_cast<int>(std::min<int64_t>(TILE, count - n));
      tile.fill(way, n, live, mirror);
      for (int64_t c = w * shared; c < (w + 1) * shared; ++c)
        lay_tile(line<T>(frame.out<T>(0), frame.out<T>(1), memory, samples, c), tile, frame.in<T>(0) + c * count + n,
                 live);
    }
  }
}

}  // namespace

DDSPFX_TARGET(sinc_read)
DDSPFX_TARGET(sinc_lay)
