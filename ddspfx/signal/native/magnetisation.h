// One step of Jiles and Atherton's equation and its slopes; the equations stand in ddspfx/signal/jiles_atherton.py,
// whose names these are.
//
// The equation is odd, so each step is taken in the direction of its field: h, m and way are multiplied by the way's
// sign and the field always rises. Steps form one long chain of dependent operations, in mono as for a vector of
// channels, so they are written for latency: polynomials as trees and one division a stage.
#pragma once

#include "langevin.h"

namespace ddspfx {

enum Solver { RK2, RK4, NEWTON };  // in the order of `_RULES`; the numbers are those of the pure kernel
constexpr int ITERATIONS = 3;

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

}  // namespace ddspfx
