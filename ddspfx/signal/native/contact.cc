// Where a ball touches a wall, by how much that lifts it, and integrals of a signal over moving spans.
#include "contact.h"

#include <vector>

using namespace ddspfx;

namespace {

constexpr int TILE = 32, LANES = 16;
constexpr int STEPS = 4;
// Of the radius times the wall's curvature: below it the ball touches in one place, which Newton's steps find.
constexpr double SMOOTH = 0.8;
// The farthest place of contact over the radius: the slope there is 31, and its root is safe in single precision.
constexpr double RIM = 0.9995;
// So far the ball is round enough for a parabola.
constexpr double ROUND = 0.9;

// The greatest in an array; lane by lane, since one running maximum would be a chain of single steps.
template <class T>
T greatest(const T* of, int count) {
  T lanes[LANES] = {}, most = 0;
  int k = 0;
  for (; k + LANES <= count; k += LANES)
    for (int i = 0; i < LANES; ++i) lanes[i] = of[k + i] > lanes[i] ? of[k + i] : lanes[i];
  for (; k < count; ++k) most = of[k] > most ? of[k] : most;
  for (T lane : lanes) most = lane > most ? lane : most;
  return most;
}

// A line with the distances between its samples, and the sums of its intervals' integrals from its start, in double
// precision: what is used are their differences.
template <class T>
class Wall {
 public:
  Wall(const T* samples, int64_t length) : line(samples), steps_(length), parts_(length), sums_(length) {
    for (int64_t j = 0; j + 1 < length; ++j) steps_[j] = std::abs(line[j + 1] - line[j]);
    for (int64_t j = 2; j + 3 < length; ++j) {
      const T* v = line + j;
      parts_[j] = T(WHOLE[0]) * (v[-2] + v[3]) + T(WHOLE[1]) * (v[-1] + v[2]) + T(WHOLE[2]) * (v[0] + v[1]);
    }
    for (int64_t j = 2; j + 3 < length; ++j) sums_[j + 1] = sums_[j] + static_cast<double>(parts_[j]);
  }

  const T* const line;
  const T* steps() const { return steps_.data(); }
  const double* sums() const { return sums_.data(); }

 private:
  std::vector<T> steps_, parts_;
  std::vector<double> sums_;
};

// A radius or slope, one a line or one for each few samples of it.
template <class T>
class Held {
 public:
  Held(const Frame& frame, int place, int64_t count)
      : data_(frame.in<T>(place)), lines_(frame.in_lines(place)), length_(frame.in_length(place)), hold_(count / length_) {}

  // The values from sample n on, n moving in tiles; beyond the last one they stay.
  void tile(int64_t line, int64_t lines, int64_t n, T (&to)[TILE]) const {
    const T* row = data_ + line * lines_ / lines * length_;
    int64_t at = n / hold_, left = hold_ - n % hold_;
    for (int i = 0; i < TILE; ++i) {
      to[i] = row[at];
      if (--left == 0 && at + 1 < length_) ++at, left = hold_;
    }
  }

 private:
  const T* data_;
  int64_t lines_, length_, hold_;
};

// A tile of samples at once. Loops over it are for the compiler to make vectors of: places are 32-bit whole numbers from
// the tile's first sample, and what a loop writes is an array of its own.
template <class T>
class Ball {
 public:
  Ball(const Wall<T>& wall, int64_t pad) : wall_(wall), reach_(static_cast<int32_t>(pad - 3)) {}

  // Samples at `centre` and on; those from `live` on are done as the last one.
  void tile(int64_t centre, int live, const T (&r)[TILE], const T (&g)[TILE], T* lift, T* place) {
    here_ = wall_.line + centre, total_ = wall_.sums() + centre;
    T scale[TILE];
    for (int i = 0; i < TILE; ++i) at_[i] = std::min(i, live - 1), scale[i] = r[i] * g[i];
    const int span = static_cast<int>(std::min<T>(greatest(r, TILE) + 1, T(reach_)));
    const T steepest = greatest(wall_.steps() + centre - span, live - 1 + 2 * span);
    for (int i = 0; i < TILE; ++i) height_[i] = place_[i] = 0;  // in its centre the ball always touches
    if (steepest * greatest(scale, TILE) < T(SMOOTH)) {
      begin_smooth(r, g);
      settle(r, g);
    } else {
      for (int side = -1; side <= 1; side += 2) {
        begin_direct(side < 0 ? -span : 0, side < 0 ? 0 : span, r, g);
        settle(r, g);
      }
    }
    std::copy_n(height_, live, lift);
    std::copy_n(place_, live, place);
  }

 private:
  static constexpr T DONE = sizeof(T) == 4 ? T(2e-3) : T(1e-6);  // samples; the next step would be its square or so

  void begin_smooth(const T (&r)[TILE], const T (&g)[TILE]) {
    for (int i = 0; i < TILE; ++i) {
      const T s = g[i] * here_[at_[i]], edge = std::min<T>(T(RIM) * r[i], T(reach_));
      low_[i] = -edge, high_[i] = edge;
      tau_[i] = r[i] * s / std::sqrt(1 + s * s);
    }
  }

  // How far the ball falls at k samples from its centre, per slope.
  static T fall(T k, T r, T g) {
    const T under = r * r - k * k;
    const T root = std::sqrt(under > 0 ? under : T(0));
    return under >= 0 ? -k * k / ((r + root) * g) : T(-1e30);
  }

  // The highest of some samples under the ball; each that is higher than its neighbours by the parabola through them,
  // but for those near the ball's rim, where it is no parabola.
  void begin_direct(int first, int last, const T (&r)[TILE], const T (&g)[TILE]) {
    T before[TILE], now[TILE], best[TILE], place[TILE];
    for (int i = 0; i < TILE; ++i) {
      best[i] = -1, place[i] = 0;
      before[i] = static_cast<T>(total_[at_[i] + first - 1] - total_[at_[i]]) + fall(T(first - 1), r[i], g[i]);
      now[i] = static_cast<T>(total_[at_[i] + first] - total_[at_[i]]) + fall(T(first), r[i], g[i]);
    }
    for (int k = first; k <= last; ++k) {
      const double* sums = total_ + k + 1;
      const T far = static_cast<T>(std::abs(k) + 1);
      for (int i = 0; i < TILE; ++i) {
        const T next = static_cast<T>(sums[at_[i]] - total_[at_[i]]) + fall(T(k + 1), r[i], g[i]);
        const bool top = (now[i] >= before[i]) & (now[i] >= next), inside = far < T(ROUND) * r[i];
        const T rise = next - before[i], bend = 2 * now[i] - next - before[i];
        const T shift = inside & (bend > 0) ? T(0.5) * rise / bend : T(0);
        const T high = inside ? now[i] + T(0.25) * rise * shift : now[i];
        const bool better = top & (high > best[i]);
        best[i] = better ? high : best[i];
        place[i] = better ? T(k) + shift : place[i];
        before[i] = now[i], now[i] = next;
      }
    }
    for (int i = 0; i < TILE; ++i) {
      const T edge = std::min<T>(T(RIM) * r[i], T(reach_));
      tau_[i] = place[i], low_[i] = std::max(-edge, place[i] - 1), high_[i] = std::min(edge, place[i] + 1);
    }
  }

  // The six samples about each contact, and where it lies between the two in the middle.
  void gather() {
    for (int i = 0; i < TILE; ++i) whole_[i] = whole(tau_[i], reach_);
    for (int i = 0; i < TILE; ++i) theta_[i] = tau_[i] - static_cast<T>(whole_[i]);
    for (int i = 0; i < TILE; ++i) {
      const T* v = here_ + at_[i] + whole_[i];
      for (int k = 0; k < QUINTIC; ++k) six_[k][i] = v[k - 2];
    }
  }

  // tau = r sigma(g v(tau)), sigma(s) = s / sqrt(1 + s^2); at a maximum the slope of the difference is above 0.
  // Returns the longest step.
  T newton(const T (&r)[TILE], const T (&g)[TILE]) {
    T next[TILE], far[TILE];
    gather();
    for (int i = 0; i < TILE; ++i) {
      const Quintic<T> v(six_[0][i], six_[1][i], six_[2][i], six_[3][i], six_[4][i], six_[5][i]);
      const T s = g[i] * v.value(theta_[i]), cosine = 1 / std::sqrt(1 + s * s);
      const T steep = 1 - r[i] * g[i] * v.slope(theta_[i]) * cosine * cosine * cosine;
      const T moved = tau_[i] - (tau_[i] - r[i] * s * cosine) / (steep > T(0.15) ? steep : T(0.15));
      const T above = moved > low_[i] ? moved : low_[i];
      next[i] = above < high_[i] ? above : high_[i];
      far[i] = std::abs(next[i] - tau_[i]);
    }
    T farthest = 0;
    for (int i = 0; i < TILE; ++i) farthest = far[i] > farthest ? far[i] : farthest;
    std::copy_n(next, TILE, tau_);
    return farthest;
  }

  // Newton's steps; the contact is kept where it is higher than what was found before.
  void settle(const T (&r)[TILE], const T (&g)[TILE]) {
    for (int step = 0; step < STEPS; ++step)
      if (newton(r, g) < DONE) break;
    gather();
    T full[TILE];
    for (int i = 0; i < TILE; ++i) full[i] = static_cast<T>(total_[at_[i] + whole_[i]] - total_[at_[i]]);
    for (int i = 0; i < TILE; ++i) {
      const Quintic<T> v(six_[0][i], six_[1][i], six_[2][i], six_[3][i], six_[4][i], six_[5][i]);
      const T height = full[i] + v.integral(theta_[i]) + fall(tau_[i], r[i], g[i]);
      const bool lower = height < height_[i];
      height_[i] = lower ? height_[i] : height;
      place_[i] = lower ? place_[i] : tau_[i];
    }
  }

  const Wall<T>& wall_;
  const T* here_ = nullptr;
  const double* total_ = nullptr;
  const int32_t reach_;
  T tau_[TILE], low_[TILE], high_[TILE];
  T theta_[TILE], six_[QUINTIC][TILE], height_[TILE], place_[TILE];
  int32_t at_[TILE], whole_[TILE];
};

// line (..., count + 2 pad), radius in samples and slope a value of one stands for (..., held or 1)
// -> lift, place of contact in samples (..., count)
template <class T>
void contact(const Frame& frame) {
  const int64_t count = frame.out_length(0), length = frame.in_length(0), lines = frame.in_lines(0), pad = (length - count) / 2;
  const Held<T> radius(frame, 1, count), slope(frame, 2, count);
  T r[TILE], g[TILE];
  for (int64_t l = 0; l < lines; ++l) {
    const Wall<T> wall(frame.in<T>(0) + l * length, length);
    Ball<T> ball(wall, pad);
    for (int64_t n = 0; n < count; n += TILE) {
      const int live = static_cast<int>(std::min<int64_t>(TILE, count - n));
      radius.tile(l, lines, n, r);
      slope.tile(l, lines, n, g);
      ball.tile(pad + n, live, r, g, frame.out<T>(0) + l * count + n, frame.out<T>(1) + l * count + n);
    }
  }
}

// line (..., count + 2 pad), ends in samples (..., count) -> the integral from each sample to its end
template <class T>
void span_sum(const Frame& frame) {
  const int64_t count = frame.out_length(0), length = frame.in_length(0), lines = frame.in_lines(0), pad = (length - count) / 2;
  const int reach = static_cast<int>(pad - 3);
  for (int64_t l = 0; l < lines; ++l) {
    const T* line = frame.in<T>(0) + l * length;
    const Wall<T> wall(line, length);
    const double* sums = wall.sums() + pad;
    const T* ends = frame.in<T>(1) + l * count;
    T* to = frame.out<T>(0) + l * count;
    for (int64_t n = 0; n < count; ++n) {
      const int j = whole(ends[n], reach);
      const Quintic<T> v(line + pad + n + j);
      to[n] = static_cast<T>(sums[n + j] - sums[n]) + v.integral(ends[n] - T(j));
    }
  }
}

// slope of the integrals (..., count), ends (..., count) -> slope of the line (..., count + 2 pad)
template <class T>
void span_lay(const Frame& frame) {
  const int64_t count = frame.in_length(0), length = frame.out_length(0), lines = frame.in_lines(0), pad = (length - count) / 2;
  const int reach = static_cast<int>(pad - 3);
  std::vector<double> steps;
  for (int64_t l = 0; l < lines; ++l) {
    const T *bar = frame.in<T>(0) + l * count, *ends = frame.in<T>(1) + l * count;
    T* to = frame.out<T>(0) + l * length;
    std::fill_n(to, length, T(0));
    steps.assign(length + 1, 0.0);
    for (int64_t n = 0; n < count; ++n) {
      const int j = whole(ends[n], reach);
      const T theta = ends[n] - T(j);
      steps[pad + n] += bar[n], steps[pad + n + j] -= bar[n];
      T power = theta, weights[QUINTIC] = {};
      for (int p = 0; p < QUINTIC; ++p, power *= theta)
        for (int i = 0; i < QUINTIC; ++i) weights[i] += T(ROWS[p][i] / (p + 1)) * power;
      for (int i = 0; i < QUINTIC; ++i) to[pad + n + j - 2 + i] += weights[i] * bar[n];
    }
    double whole_slope = 0;
    for (int64_t j = 0; j + 3 < length; ++j) {
      whole_slope += steps[j];
      if (j < 2) continue;
      for (int i = 0; i < QUINTIC; ++i) to[j - 2 + i] += static_cast<T>(WHOLE[i] * whole_slope);
    }
  }
}

}  // namespace

DDSPFX_TARGET(contact)
DDSPFX_TARGET(span_sum)
DDSPFX_TARGET(span_lay)
