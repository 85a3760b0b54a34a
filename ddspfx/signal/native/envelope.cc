// The smooth branching detector, y[n] = y[n-1] + rate (x[n] - y[n-1]), rate = attack while x[n] > y[n-1], else release.
#include "march.h"

using namespace ddspfx;

namespace {

struct Smooth {  // what rounding cuts off a step is carried to the next: a slow release would add up thousands of cuts
  static constexpr int STATES = 2;
  template <class V>
  void operator()(const V (&now)[3], V (&state)[2], V (&made)[1]) const {
    const V rate = now[0] > state[0] ? now[1] : now[2];
    const V step = rate * (now[0] - state[0]) + state[1], next = state[0] + step;
    state[1] = step - (next - state[0]);
    made[0] = state[0] = next;
  }
};

struct SmoothBack {  // given: slope, x, attack, release, y[n-1]; made: the slopes of x, attack, release
  static constexpr int STATES = 1;
  template <class V>
  void operator()(const V (&now)[5], V (&state)[1], V (&made)[3]) const {
    const V total = now[0] + state[0], way = now[1] - now[4], none = {};
    const auto rising = now[1] > now[4];
    const V rate = rising ? now[2] : now[3], moved = total * way;
    made[0] = total * rate;
    made[1] = rising ? moved : none;
    made[2] = rising ? none : moved;
    state[0] = total - made[0];
  }
};

// start and what was cut off it (channels, 2), x, attack, release -> y (channels, samples), the same at the end
template <class T>
void smooth(const Frame& frame) {
  const Rows<T> in[3] = {in_rows<T>(frame, 1), in_rows<T>(frame, 2), in_rows<T>(frame, 3)};
  const Result<T> out[1] = {result<T>(frame, 0)};
  march(in, out, frame.in<T>(0), frame.out<T>(1), frame.in_lines(0), frame.out_length(0), false,
                    Smooth());
}

// slope of the end (channels, 1), slope of y, x, attack, release, y, start (channels, 1) -> slopes of x, attack, release
template <class T>
void smooth_back(const Frame& frame) {
  const Rows<T> in[5] = {in_rows<T>(frame, 1), in_rows<T>(frame, 2), in_rows<T>(frame, 3), in_rows<T>(frame, 4),
                         late_rows<T>(frame, 5, frame.in<T>(6), 1)};
  const Result<T> out[3] = {result<T>(frame, 0), result<T>(frame, 1), result<T>(frame, 2)};
  march(in, out, frame.in<T>(0), frame.out<T>(3), frame.in_lines(0), frame.in_length(1), true,
                    SmoothBack());
}

}  // namespace

DDSPFX_TARGET(smooth)
DDSPFX_TARGET(smooth_back)
