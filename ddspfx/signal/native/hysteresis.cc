// Jiles and Atherton's hysteresis; the equations stand in ddspfx/signal/jiles_atherton.py, whose names these are.
//
// The equation is odd, so each step is taken in the direction of its field: h, m and way are multiplied by the way's
// sign and the field always rises. The march is one long chain of dependent operations, in mono as for a vector of
// channels, so it is written for latency: polynomials as trees and one division a stage.
#include <algorithm>
#include <type_traits>
#include <vector>

#include "march.h"

using namespace ddspfx;

namespace {

enum Solver { RK2, RK4, NEWTON };
#if defined(__AVX512F__)
constexpr int BYTES = 64;
#else
constexpr int BYTES = 32;
#endif
constexpr double REACH = 1.5;
constexpr int ITERATIONS = 3, LEAP_ITERATIONS = 4;

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

template <class V>
struct Material {
  V kappa, coupling, c, loss, width, most, loop;

  Material() = default;
  // `still` where the field does not move: there is no lag then.
  template <class Mask>
  inline Material(const V& kappa, const V& coupling, const V& c, const Mask& still)
      : kappa(kappa), coupling(coupling), c(c), loss(1 - c), width(loss * kappa),
        most(still ? V{} : width * static_cast<Number<V>>(1.0 / 3)), loop(coupling * c) {}
};

// dm/dh for a rising field, numerator and denominator multiplied by q^3.
template <class V>
inline V rise(const V& x, const V& m, const Material<V>& p) {
  const Curve<V> curve(x);
  const V lag = within(V(x * curve.p - m * curve.q), V{}, V(p.most * curve.q));
  const V room = p.width * curve.q - p.coupling * lag;
  return (p.loss * lag * curve.qq + p.c * curve.s * room) / (room * (curve.qq - p.loop * curve.s));
}

template <class V>
struct Slopes {
  V value, by_h, by_m, by_kappa, by_coupling, by_c;
};

// dm/dh and its slopes, as `_slope_jvp` has them.
template <class V>
inline Slopes<V> slopes(const V& x, const V& m, const Material<V>& p) {
  using T = Number<V>;
  const T third = static_cast<T>(1.0 / 3);
  const V none = {};
  const Curve<V> curve(x);
  const V by_q = 1 / curve.q, ratio = curve.p * by_q, height = x * ratio, steep = 1 - height * height - 2 * ratio;
  const V behind = height - m, lag = within(behind, none, p.most);
  const V room = p.width - p.coupling * lag, loop = 1 - p.loop * steep;
  const V inverse = 1 / (room * loop), pull = lag * inverse * loop, gain = room * inverse;
  const V value = (p.loss * pull + p.c * steep) * gain;
  const V by_steep = (1 + p.coupling * value) * gain, by_lag = p.loss * p.width * inverse * inverse * loop;
  const V stuck = behind < p.most ? none : by_lag * third;
  const V free = behind > 0 ? (behind < p.most ? by_lag : none) : none;
  const V by_x = free * steep + p.c * by_steep * curve.bend(height, ratio, steep, by_q);
  const V by_width = stuck - p.loss * pull * inverse;
  return {value, by_x, by_x * p.coupling - free, p.loss * by_width,
          by_x * m + p.loss * pull * pull * gain + p.c * steep * value * gain,
          steep * by_steep - pull * gain - p.kappa * by_width};
}

template <Solver S>
struct Tableau {
  static constexpr int STAGES = S == RK4 ? 4 : 2;
  static constexpr double PLACES[4] = {0, 0.5, 0.5, 1};
  static constexpr double WEIGHTS[4] = {S == RK4 ? 1.0 / 6 : 0, S == RK4 ? 1.0 / 3 : 1, 1.0 / 3, 1.0 / 6};
};

// Newton's iterations for the implicit midpoint: all but the last, and what the last one needs.
template <class V>
inline Slopes<V> middle(const V& h, const V& m, const V& half, const Material<V>& p, V& q, V& steep) {
  const V least = V{} + static_cast<Number<V>>(0.1);
  q = m;
  for (int i = 0;; ++i) {
    const Slopes<V> at = slopes<V>(h + half + p.coupling * q, q, p);
    steep = 1 - half * at.by_m;
    steep = least > steep ? least : steep;
    if (i == ITERATIONS) return at;
    q -= (q - m - half * at.value) / steep;
  }
}

template <Solver S, class V>
inline V step(const V& h, const V& m, const V& d, const Material<V>& p) {
  const V one = V{} + 1;
  if constexpr (S == NEWTON) {
    const V half = d * static_cast<Number<V>>(0.5);
    V q, steep;
    const Slopes<V> at = middle<V>(h, m, half, p, q, steep);
    return within<V>(2 * (q - (q - m - half * at.value) / steep) - m, -one, one);
  } else {
    using Rule = Tableau<S>;
    const V x = h + p.coupling * m, pull = p.coupling * d;
    V slope = rise<V>(x, m, p), end = m + (static_cast<Number<V>>(Rule::WEIGHTS[0]) * d) * slope;
    for (int i = 1; i < Rule::STAGES; ++i) {
      const Number<V> place = Rule::PLACES[i], weight = Rule::WEIGHTS[i];
      slope = rise<V>((x + place * d) + (place * pull) * slope, m + (place * d) * slope, p);
      end += (weight * d) * slope;
    }
    return within<V>(end, -one, one);
  }
}

template <class V>
struct StepSlopes {
  V by_h, by_m, by_d, by_kappa, by_coupling, by_c;

  inline void add(const V& share, const Slopes<V>& of) {
    by_h += share * of.by_h, by_kappa += share * of.by_kappa;
    by_coupling += share * of.by_coupling, by_c += share * of.by_c;
  }
};

// The slopes of a step, without the bound on m; m becomes the step's end.
template <Solver S, class V>
inline StepSlopes<V> step_slopes(const V& h, V& m, const V& d, const Material<V>& p) {
  using T = Number<V>;
  StepSlopes<V> total = {};
  if constexpr (S == NEWTON) {
    const V half = d * static_cast<T>(0.5);
    V q, steep;
    const Slopes<V> at = middle<V>(h, m, half, p, q, steep);
    const V gain = 2 / steep, share = gain * half;
    total.add(share, at);
    total.by_m = gain - 1;
    total.by_d = (at.value * gain + share * at.by_h) * static_cast<T>(0.5);
    m = 2 * (q - (q - m - half * at.value) / steep) - m;
  } else {
    using Rule = Tableau<S>;
    Slopes<V> stages[Rule::STAGES];
    V slope = {};
    for (int i = 0; i < Rule::STAGES; ++i) {
      const T place = Rule::PLACES[i], weight = Rule::WEIGHTS[i];
      const V at = m + (place * d) * slope;
      stages[i] = slopes<V>(h + place * d + p.coupling * at, at, p);
      slope = stages[i].value;
      total.by_d += weight * slope;
    }
    m += d * total.by_d;
    V share = {};
    for (int i = Rule::STAGES; i-- > 0;) {
      const T place = Rule::PLACES[i], weight = Rule::WEIGHTS[i];
      share += weight * d;
      total.add(share, stages[i]);
      const V by_state = share * stages[i].by_m;
      total.by_m += by_state;
      total.by_d += place * (share * stages[i].by_h);
      if (i) total.by_d += place * (by_state * stages[i - 1].value);
      share = (place * d) * by_state;
    }
    total.by_m += 1;
  }
  return total;
}

template <class V>
inline V decay(const V& u) {  // exp(-u) for u >= 0
  using T = Number<V>;
  using Whole = std::conditional_t<SINGLE<T>, int32_t, int64_t>;
  constexpr int BITS = SINGLE<T> ? 23 : 52, BIAS = SINGLE<T> ? 127 : 1023, TERMS = SINGLE<T> ? 8 : 14;
  const V most = V{} + static_cast<T>(BIAS - 1), octaves = u * static_cast<T>(1.4426950408889634);
  const V held = most < octaves ? most : octaves;
  const auto whole = __builtin_convertvector(held + static_cast<T>(0.5), vec<Whole, sizeof(V) / sizeof(T)>);
  const V rest = (__builtin_convertvector(whole, V) - held) * static_cast<T>(0.6931471805599453);
  V total = V{} + 1;
  for (int i = TERMS; i > 0; --i) total = 1 + total * rest * static_cast<T>(1.0 / i);
  const auto bits = (BIAS - whole) << BITS;
  V scale;
  std::memcpy(&scale, &bits, sizeof(scale));
  return octaves == octaves ? total * scale : u;
}

// Twice the root of m = L(h + coupling m), by Newton from the side where it is monotone, and its slopes.
template <class V>
struct Anhysteretic {
  V m[2], by_h[2], by_coupling[2];

  Anhysteretic() = default;
  inline Anhysteretic(const V (&h)[2], const V& coupling) {
    const V none = {};
    for (int i = 0; i < 2; ++i) m[i] = h[i] > 0 ? none + 1 : h[i] < 0 ? none - 1 : h[i];
    for (int turn = 0; turn <= LEAP_ITERATIONS; ++turn)
      for (int i = 0; i < 2; ++i) {
        const Curve<V> curve(h[i] + coupling * m[i]);
        const V inverse = 1 / (curve.qq - coupling * curve.s);
        by_h[i] = curve.s * inverse;
        by_coupling[i] = by_h[i] * m[i];
        m[i] += (curve.x * curve.p - m[i] * curve.q) * curve.q * inverse;
      }
  }
};

// The way from one sample's field to the next in units of a: what is leapt over and what is stepped through.
template <class V>
struct Way {
  V sign, start, far, reach, begin, step, fade;  // all but the sign along the way
  V leapt;                                       // m at the beginning of the steps is leapt + m fade
  Material<V> material;
  bool leaps;

  Way() = default;
  inline Way(const V& H, const V& last, const V& unit, const V& kappa, const V& coupling, const V& c, int steps) {
    using T = Number<V>;
    const V none = {}, one = none + 1, limit = none + LIMIT<T>;
    const V moved = H - last, share = coupling * static_cast<T>(1.0 / 3);
    material = Material<V>(kappa, coupling, c, moved == 0);
    sign = moved < 0 ? -one : one;
    const V from = sign * last * unit, to = sign * H * unit, stop = within<V>(to, -limit, limit);
    start = within<V>(from, -limit, limit);
    // Of fields within the limit the difference is taken before anything is rounded.
    const V way = ((start == from) & (stop == to)) ? sign * moved * unit : stop - start;
    reach = static_cast<T>(REACH * steps) * kappa * (1 - share) * (1 - share * c);
    const auto leap = way > reach;
    const V rest = leap ? reach : way;
    far = way - rest;
    begin = start + far, step = rest * static_cast<T>(1.0 / steps), fade = one, leapt = none;
    leaps = any(leap);
  }

  inline Anhysteretic<V> ends() const {
    return Anhysteretic<V>({start - material.width, begin - material.width}, material.coupling);
  }

  inline Anhysteretic<V> leap() {
    const V none = {};
    const Anhysteretic<V> m = ends();
    const auto leap = far > 0;
    const V faded = decay<V>(far / material.kappa);
    leapt = leap ? m.m[1] - m.m[0] * faded : none;
    fade = leap ? faded : none + 1;
    return m;
  }
};

template <Solver S, class T, int W>
void magnetise_lanes(const Frame& frame, int64_t c0, int64_t channels, int64_t samples, int steps) {
  using V = vec<T, W>;
  constexpr int IN = 6;
  const T* start = frame.in<T>(0);
  T *M = frame.out<T>(0), *end = frame.out<T>(1);
  V tile[IN][W], done[W], state, last, keep[W], scale[W];
  Way<V> ways[W];
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
      Way<V>& way = ways[t] = Way<V>(tile[0][t], last, tile[2][t], tile[3][t], tile[4][t], tile[5][t], steps);
      if (__builtin_expect(way.leaps, 0)) way.leap();
      last = tile[0][t];
      scale[t] = way.sign * tile[1][t];
      keep[t] = way.fade / scale[t];
    }
    for (int t = 0; t < count; ++t) {
      const Way<V>& way = ways[t];
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
  const int64_t channels = frame.in_size(0, 0), samples = frame.out_size(0, 1);
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

// The slopes of one sample's m after all its steps, each sample by itself, so that they fill a vector along time.
template <Solver S, class V>
struct SampleSlopes {
  V by_m, by_start, by_way, by_kappa, by_coupling, by_c, end;

  // `trail` holds what m was before each of the steps; `m` is at the sample before.
  inline SampleSlopes(Way<V>& way, const V& m, int steps, V* trail) {
    using T = Number<V>;
    const V none = {}, one = none + 1;
    StepSlopes<V> total = {};
    const bool leaps = way.leaps;
    const Anhysteretic<V> ends = leaps ? way.leap() : Anhysteretic<V>();
    trail[0] = way.leapt + m * way.fade;
    for (int j = 1; j < steps; ++j)
      trail[j] = step<S, V>(way.begin + static_cast<T>(j - 1) * way.step, trail[j - 1], way.step, way.material);
    by_m = one;
    for (int j = steps; j-- > 0;) {
      V at = trail[j];
      const StepSlopes<V> now = step_slopes<S, V>(way.begin + static_cast<T>(j) * way.step, at, way.step, way.material);
      if (j == steps - 1) end = within<V>(at, -one, one);
      by_m = (at < 0 ? -at : at) > one ? none : by_m;
      total.by_h += by_m * now.by_h;
      total.by_d += by_m * (now.by_d + static_cast<T>(j) * now.by_h);
      total.by_kappa += by_m * now.by_kappa;
      total.by_coupling += by_m * now.by_coupling;
      total.by_c += by_m * now.by_c;
      by_m *= now.by_m;
    }
    by_start = total.by_h, by_way = total.by_d * static_cast<T>(1.0 / steps);
    by_kappa = total.by_kappa, by_coupling = total.by_coupling, by_c = total.by_c;
    if (__builtin_expect(leaps, 0)) leap(way, ends, m, steps);
    by_m *= way.fade;
  }

  inline void leap(const Way<V>& way, const Anhysteretic<V>& ends, const V& m, int steps) {
    using T = Number<V>;
    const V none = {};
    const Material<V>& p = way.material;
    const T third = static_cast<T>(1.0 / 3);
    const auto leaping = way.far > 0;
    const V after = leaping ? by_m : none, before = -way.fade * after;
    const V by_after = after * ends.by_h[1], by_before = before * ends.by_h[0], by_back = -by_after - by_before;
    const V faded = way.fade * (m - ends.m[0]) * after / p.kappa;
    const V by_begin = by_start + by_after, by_far = by_begin - faded;
    const V by_reach = leaping ? by_way - by_far : none;
    const V share = p.coupling * third, stretch = static_cast<T>(REACH * steps) * p.kappa * by_reach;
    by_start = by_begin + by_before;
    by_way = leaping ? by_far : by_way;
    by_kappa += faded * way.far / p.kappa + by_back * p.loss + by_reach * way.reach / p.kappa;
    by_coupling += after * ends.by_coupling[1] + before * ends.by_coupling[0];
    by_coupling -= stretch * third * (1 + p.c - 2 * share * p.c);
    by_c -= by_back * p.kappa + stretch * share * (1 - share);
  }
};

template <Solver S, class T>
void magnetise_back_by(const Frame& frame) {
  constexpr int W = BYTES / sizeof(T), MADE = 5;
  using V = vec<T, W>;
  using Sum = vec<double, W>;
  const int64_t channels = frame.in_size(0, 0), samples = frame.in_size(2, 1);
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
      Way<V> way(now[1], before, now[3], now[4], now[5], now[6], steps);
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
