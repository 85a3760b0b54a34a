// The state-variable section of ddspfx/signal/svf.py with coefficients that move at every sample.
//
// With r = x - s2 - (g + k) s1, w = s1 + g (x - s2), a = 1 / (1 + g (g + k)), c = a g: the outputs are band = a w,
// low = s2 + g band and high = x - k band - low, and the integrators go on to s1 + 2 c r and s2 + 2 c w. The next
// state depends on the last by three operations alone, since that chain is what a step costs.
#include "march.h"

using namespace ddspfx;

namespace {

struct Section {  // x, g, damping, high, band, low -> y
  static constexpr int STATES = 2;
  template <class V>
  void operator()(const V (&now)[6], V (&state)[2], V (&made)[1]) const {
    const V x = now[0], g = now[1], k = now[2], both = g + k;
    const V a = 1 / (1 + g * both), c = a * g, ahead = x - state[1];
    const V r = ahead - both * state[0], w = state[0] + g * ahead;
    const V band = a * w, low = state[1] + g * band;
    made[0] = now[3] * (x - k * band - low) + (now[4] * band + now[5] * low);
    state[0] += (c + c) * r;
    state[1] += (c + c) * w;
  }
};

struct Back {  // slope of y, the integrators before and the slopes of those after -> slopes of all that came in
  template <class V>
  void operator()(const V (&now)[6], const V (&before)[2], const V& slope, V (&state)[2], V (&made)[6]) const {
    const V x = now[0], g = now[1], k = now[2], s1 = before[0];
    const V both = g + k, a = 1 / (1 + g * both), c = a * g, ahead = x - before[1], r = ahead - both * s1;
    const V band = a * (s1 + g * ahead), low = before[1] + g * band, twice = c + c;
    // The slopes of y alone, then what the integrators add.
    const V on_high = slope * now[3], on_low = slope * now[5] - on_high;
    const V on_band = slope * now[4] - k * on_high + g * on_low;
    const V first = state[0], second = state[1], on_second = on_low + second + second;
    const V both_steps = on_band + (first + first) + g * (second + second);
    const V on_r = c * both_steps, on_c = r * both_steps;
    made[0] = on_high + on_r;
    made[1] = band * on_second - s1 * on_r + on_c * (a * a * (1 - g * g));
    made[2] = -band * on_high - s1 * on_r - on_c * (c * c);
    made[3] = slope * (x - k * band - low);
    made[4] = slope * band;
    made[5] = slope * low;
    const V from_first = twice * first, from_second = twice * second;
    state[0] = first - both * from_first + (from_second + a * on_band);
    state[1] = second - from_first - g * from_second + (on_low - c * on_band);
  }
};

template <class T>
void forwards(const Frame& frame, T* kept, T* end) {
  Rows<T> in[6];
  for (int i = 0; i < 6; ++i) in[i] = in_rows<T>(frame, i + 1);
  const Result<T> out[1] = {result<T>(frame, 0)};
  march(in, out, frame.in<T>(0), end, frame.in_lines(0), frame.out_length(0), false, Section(), kept);
}

// start (channels, 2), x, g, damping, high, band, low -> y, end (channels, 2)
template <class T>
void section(const Frame& frame) {
  forwards<T>(frame, nullptr, frame.out<T>(1));
}

// the same -> y, the integrators at the start of every chunk (channels, chunks 2), end
template <class T>
void section_kept(const Frame& frame) {
  forwards<T>(frame, frame.out<T>(1), frame.out<T>(2));
}

// slope of the end (channels, 2), slope of y, x, g, damping, high, band, low, what was kept -> slopes of x to low, of start
template <class T>
void section_back(const Frame& frame) {
  Rows<T> in[6];
  Result<T> out[6];
  for (int i = 0; i < 6; ++i) in[i] = in_rows<T>(frame, i + 2), out[i] = result<T>(frame, i);
  unwind(in, in_rows<T>(frame, 1), out, frame.in<T>(8), frame.in<T>(0), frame.out<T>(6), frame.in_lines(0),
         frame.in_length(1), Section(), Back());
}

}  // namespace

DDSPFX_TARGET(section)
DDSPFX_TARGET(section_kept)
DDSPFX_TARGET(section_back)
