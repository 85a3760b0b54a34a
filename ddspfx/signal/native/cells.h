// What one step of a recurrent cell does to some hidden units, and its slopes. Arguments of sigmoids come halved.
#pragma once

#include "curves.h"

namespace ddspfx {

// Gates are in the order of their biases, the input drives the first ENTERED of them, the product of the hidden state
// the DRIVEN ones. `step` takes the gates' sums and the states before (h, c) to the states after, and keeps what `back`
// needs.
// `back` takes the slopes of the states after to those of the gates' sums and of the states before, but for what passes
// through the product.
struct Gru {  // reset, keep, the input's share of new, the state's share of new
  static constexpr int DRIVEN = 3, ENTERED = 3, STATES = 1, KEPT = 4;
  static constexpr int driven[] = {0, 1, 3};

  template <class V>
  static void step(const V (&sum)[4], V (&state)[STATES], V (&kept)[KEPT]) {
    kept[0] = sigmoid_of_twice(sum[0]);
    kept[1] = sigmoid_of_twice(sum[1]);
    kept[2] = tanh_of(sum[2] + kept[0] * sum[3]);
    kept[3] = sum[3];
    state[0] = kept[2] + kept[1] * (state[0] - kept[2]);
  }

  template <class V>
  static void back(const V (&kept)[KEPT], const V& before, V (&slope)[STATES], V (&sum)[4]) {
    const V &reset = kept[0], &keep = kept[1], &fresh = kept[2], one = V{} + element<V>(1), two = one + one;
    sum[2] = slope[0] * (one - keep) * (one - fresh * fresh);
    sum[3] = sum[2] * reset;
    sum[0] = two * sum[3] * kept[3] * (one - reset);
    sum[1] = two * slope[0] * (before - fresh) * keep * (one - keep);
    slope[0] *= keep;
  }
};

struct Lstm {  // enter, keep, new, leave
  static constexpr int DRIVEN = 4, ENTERED = 4, STATES = 2, KEPT = 5;
  static constexpr int driven[] = {0, 1, 2, 3};

  template <class V>
  static void step(const V (&sum)[4], V (&state)[STATES], V (&kept)[KEPT]) {
    kept[0] = sigmoid_of_twice(sum[0]);
    kept[1] = sigmoid_of_twice(sum[1]);
    kept[2] = tanh_of(sum[2]);
    kept[3] = sigmoid_of_twice(sum[3]);
    kept[4] = state[1];
    state[1] = kept[1] * state[1] + kept[0] * kept[2];
    state[0] = kept[3] * tanh_of(state[1]);
  }

  template <class V>
  static void back(const V (&kept)[KEPT], const V&, V (&slope)[STATES], V (&sum)[4]) {
    const V &enter = kept[0], &keep = kept[1], &fresh = kept[2], &leave = kept[3], &cell = kept[4];
    const V one = V{} + element<V>(1), two = one + one, shaped = tanh_of(keep * cell + enter * fresh);
    const V inner = slope[1] + slope[0] * leave * (one - shaped * shaped);
    sum[0] = two * inner * fresh * enter * (one - enter);
    sum[1] = two * inner * cell * keep * (one - keep);
    sum[2] = inner * enter * (one - fresh * fresh);
    sum[3] = two * slope[0] * shaped * leave * (one - leave);
    slope[0] = V{};
    slope[1] = inner * keep;
  }
};

}  // namespace ddspfx
