// Langevin's curve L(x) = coth x - 1 / x as a quotient of polynomials, and its slopes; see `langevin` in
// ddspfx/signal/langevin.py.
#pragma once

#include <type_traits>

#include "lanes.h"

namespace ddspfx {

template <class V>
using Number = std::decay_t<decltype(V{}[0])>;

// Langevin's curve is a fraction of this depth up to EDGE and coth x = sign x beyond. No field is read as more than
// LIMIT, so that its sixth power is a number.
template <class T>
constexpr bool SINGLE = std::is_same_v<T, float>;
template <class T>
constexpr int DEPTH = SINGLE<T> ? 12 : 26;
template <class T>
constexpr T EDGE = SINGLE<T> ? 9 : 20;
template <class T>
constexpr T LIMIT = SINGLE<T> ? 131072 : 1e9;

// P and Q, lowest power first: 1 / (3 + z / (5 + z / (7 + ...))) = P(z) / Q(z), cut at 2 DEPTH + 1; and their slopes.
template <class T>
struct Fraction {
  static constexpr int TERMS = DEPTH<T> / 2 + 1;
  T top[TERMS] = {}, bottom[TERMS] = {}, top_slope[TERMS] = {}, bottom_slope[TERMS] = {};

  constexpr Fraction() {
    double high[TERMS] = {1}, low[TERMS] = {2.0 * DEPTH<T> + 1};
    for (int odd = 2 * DEPTH<T> - 1; odd > 2; odd -= 2) {
      double next[TERMS] = {};
      for (int i = 0; i < TERMS; ++i) next[i] = odd * low[i] + (i ? high[i - 1] : 0);
      for (int i = 0; i < TERMS; ++i) high[i] = low[i], low[i] = next[i];
    }
    for (int i = 0; i < TERMS; ++i) {
      top[i] = static_cast<T>(high[i] / low[0]), bottom[i] = static_cast<T>(low[i] / low[0]);
      if (i) top_slope[i - 1] = i * top[i], bottom_slope[i - 1] = i * bottom[i];
    }
  }
};
template <class T>
constexpr Fraction<T> FRACTION = Fraction<T>();

// sum_i c[i] z^i as a tree; powers are z, z^2, z^4, z^8.
template <int COUNT, class V, class T>
inline V tree(const T* c, const V* powers) {
  if constexpr (COUNT == 1) {
    return V{} + c[0];
  } else if constexpr (COUNT == 2) {
    return c[0] + c[1] * powers[0];
  } else {
    constexpr int LEVEL = COUNT > 8 ? 3 : COUNT > 4 ? 2 : 1, HALF = 1 << LEVEL;
    return tree<HALF>(c, powers) + powers[LEVEL] * tree<COUNT - HALF>(c + HALF, powers);
  }
}

template <class V>
inline V within(const V& value, const V& low, const V& high) {  // what is not a number stays so
  const V above = low > value ? low : value;
  return high < above ? high : above;
}

template <class V>
inline bool any(const V& mask) {
  constexpr int PARTS = sizeof(V) / 4;
  uint32_t parts[PARTS], found = 0;
  std::memcpy(parts, &mask, sizeof(V));
  for (int i = 0; i < PARTS; ++i) found |= parts[i];
  return found;
}

// L(x) = x p / q and L'(x) = s / q^2.
template <class V>
struct Curve {
  V x, z, p, q, qq, s, size;
  decltype(V{} > V{}) far;

  explicit inline Curve(const V& at) : x(at) {
    using T = Number<V>;
    constexpr const Fraction<T>& fraction = FRACTION<T>;
    constexpr int TERMS = Fraction<T>::TERMS;
    V powers[4];
    power(powers);
    z = powers[0];
    far = z > EDGE<T> * EDGE<T>;
    size = x < 0 ? -x : x;
    p = far ? size - 1 : tree<TERMS - 1>(fraction.top, powers);
    q = far ? z : tree<TERMS>(fraction.bottom, powers);
    qq = q * q;
    s = qq - p * (z * p + 2 * q);
  }

  inline void power(V (&powers)[4]) const {
    powers[0] = x * x;
    for (int i = 1; i < 4; ++i) powers[i] = powers[i - 1] * powers[i - 1];
  }

  inline V bend(const V& value, const V& ratio, const V& steep, const V& inverse) const {  // L''
    using T = Number<V>;
    constexpr const Fraction<T>& fraction = FRACTION<T>;
    constexpr int TERMS = Fraction<T>::TERMS;
    V powers[4];
    power(powers);
    const V rise = tree<TERMS - 2>(fraction.top_slope, powers) - ratio * tree<TERMS - 1>(fraction.bottom_slope, powers);
    const V sign = (x < 0 ? V{} - 1 : V{} + 1);
    const V by_x = inverse * (far ? sign * (2 * size * inverse - 1) : 2 * x * rise);
    return -2 * (value * steep + by_x);
  }
};

}  // namespace ddspfx
