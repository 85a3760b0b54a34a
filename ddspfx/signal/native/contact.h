// Six samples as the polynomial through them: Lagrange's of fifth order over one interval, its slope and its integral.
#pragma once

#include <algorithm>
#include <cmath>

#include "frame.h"

namespace ddspfx {

constexpr int QUINTIC = 6;
// v(theta) = sum_p (sum_i ROWS[p][i] v[i - 2]) theta^p, theta from 0 to 1 between v[0] and v[1].
constexpr double ROWS[QUINTIC][QUINTIC] = {
    {0, 0, 1, 0, 0, 0},
    {1 / 20., -1 / 2., -1 / 3., 1, -1 / 4., 1 / 30.},
    {-1 / 24., 2 / 3., -5 / 4., 2 / 3., -1 / 24., 0},
    {-1 / 24., -1 / 24., 5 / 12., -7 / 12., 7 / 24., -1 / 24.},
    {1 / 24., -1 / 6., 1 / 4., -1 / 6., 1 / 24., 0},
    {-1 / 120., 1 / 24., -1 / 12., 1 / 12., -1 / 24., 1 / 120.},
};
// The integral over the whole interval.
constexpr double WHOLE[QUINTIC] = {11 / 1440., -93 / 1440., 802 / 1440., 802 / 1440., -93 / 1440., 11 / 1440.};

// Written out, since loops in it would keep the compiler from making vectors of several samples' polynomials.
template <class T>
struct Quintic {
  T c0, c1, c2, c3, c4, c5;

  // `v` points to the sample before the interval.
  explicit Quintic(const T* v) : Quintic(v[-2], v[-1], v[0], v[1], v[2], v[3]) {}
  Quintic(T a, T b, T c, T d, T e, T f) {
    const T outer = f - a, inner = b - e, middle = d - c;
    c0 = c;
    c1 = T(1 / 20.) * a - T(0.5) * b - T(1 / 3.) * c + d - T(0.25) * e + T(1 / 30.) * f;
    c2 = T(2 / 3.) * (b + d) - T(1.25) * c - T(1 / 24.) * (a + e);
    c3 = T(5 / 12.) * c - T(7 / 12.) * d + T(7 / 24.) * e - T(1 / 24.) * (a + b + f);
    c4 = T(0.25) * c - T(1 / 6.) * (b + d) + T(1 / 24.) * (a + e);
    c5 = T(1 / 120.) * outer + T(1 / 24.) * inner + T(1 / 12.) * middle;
  }

  T value(T t) const { return ((((c5 * t + c4) * t + c3) * t + c2) * t + c1) * t + c0; }
  T slope(T t) const { return (((5 * c5 * t + 4 * c4) * t + 3 * c3) * t + 2 * c2) * t + c1; }
  T integral(T t) const {
    const T high = (c5 * T(1 / 6.) * t + c4 * T(0.2)) * t + c3 * T(0.25);
    return (((high * t + c2 * T(1 / 3.)) * t + c1 * T(0.5)) * t + c0) * t;
  }
};

// A moving place as whole samples within -reach ... reach - 1; what is not a number is held there too.
template <class T>
inline int32_t whole(T tau, int32_t reach) {
  T held = tau > T(-reach) ? tau : T(-reach);
  held = held < T(reach - 1) ? held : T(reach - 1);
  return static_cast<int32_t>(std::floor(held));
}

}  // namespace ddspfx
