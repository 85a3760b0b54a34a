// The way of the field from one sample to the next: how it is cut into steps, what is leapt over, and all its slopes.
#pragma once

#include "magnetisation.h"

namespace ddspfx {

constexpr double REACH = 1.5;  // as in the pure kernel
constexpr int LEAP_ITERATIONS = 4;

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
struct Travel {
  V sign, start, far, reach, begin, step, fade;  // all but the sign along the way
  V leapt;                                       // m at the beginning of the steps is leapt + m fade
  Material<V> material;
  bool leaps;

  Travel() = default;
  inline Travel(const V& H, const V& last, const V& unit, const V& kappa, const V& coupling, const V& c, int steps) {
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

// The slopes of one sample's m after all its steps, each sample by itself, so that they fill a vector along time.
template <Solver S, class V>
struct SampleSlopes {
  V by_m, by_start, by_way, by_kappa, by_coupling, by_c, end;

  // `trail` holds what m was before each of the steps; `m` is at the sample before.
  inline SampleSlopes(Travel<V>& way, const V& m, int steps, V* trail) {
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

  inline void leap(const Travel<V>& way, const Anhysteretic<V>& ends, const V& m, int steps) {
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

}  // namespace ddspfx
