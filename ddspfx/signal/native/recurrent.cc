// GRU and LSTM over whole pieces of sound, for all channels of all takes at once.
#include "recurrent.h"

using namespace ddspfx;

namespace {

// Rows of a group, each a channel of a take; all of them take a step together, so that weights are read once a step.
template <class T, class Cell>
class Forward {
  static constexpr int W = wide<T>, D = Cell::DRIVEN, E = Cell::ENTERED, S = Cell::STATES;
  // As many rows at once as there are registers for their sums.
  static constexpr int MOST = sizeof(vec<T, W>) == 64 ? (D == 3 ? 8 : 4) : (D == 3 ? 4 : 2);

 public:
  Forward(const Frame& frame, bool keep)
      : sizes_(frame, 0, 2), x_(frame.in<T>(0)), input_(frame.in<T>(1)), recurrent_(frame.in<T>(2)),
        bias_(frame.in<T>(3)), h_(frame.out<T>(0)), kept_(keep ? frame.out<T>(1 + S) : nullptr),
        rows_(sizes_.rows()), packed_(sizes_.padded * D * sizes_.padded),
        entry_((sizes_.inputs * E + 4) * sizes_.padded), room_((S + 1) * rows_ * sizes_.padded), place_(rows_),
        late_(rows_) {
    for (int s = 0; s <= S; ++s) state_[s] = room_.data() + s * rows_ * sizes_.padded;
    for (int s = 0; s < S; ++s) start_[s] = frame.in<T>(4 + s), end_[s] = frame.out<T>(1 + s);
  }

  void run() {
    for (int64_t group = 0; group < sizes_.groups; ++group) {
      begin(group);
      for (int64_t t = 0; t < sizes_.samples; ++t) step(t);
      finish(group);
    }
  }

 private:
  // The last place is for the h that a step is about to leave, while its own still counts.
  T* state(int s, int64_t row) { return state_[s] + row * sizes_.padded; }

  void begin(int64_t group) {
    const int64_t hidden = sizes_.hidden;
    pack<T, D>(recurrent_ + group * hidden * D * hidden, hidden, sizes_.padded, sizes_, packed_.data());
    pack<T, 4>(bias_ + group * 4 * hidden, 1, 1, sizes_, entry_.data());
    pack<T, E>(input_ + group * sizes_.inputs * E * hidden, sizes_.inputs, sizes_.inputs, sizes_,
               entry_.data() + 4 * sizes_.padded);
    for (int64_t row = 0; row < rows_; ++row) {
      place_[row] = sizes_.place(group * rows_ + row, 0);
      late_[row] = sizes_.late(group * rows_ + row);
    }
    for (int s = 0; s < S; ++s)
      for (int64_t row = 0; row < rows_; ++row)
        std::copy_n(start_[s] + (group * rows_ + row) * hidden, hidden, state(s, row));
  }

  void finish(int64_t group) {
    for (int s = 0; s < S; ++s)
      for (int64_t row = 0; row < rows_; ++row)
        std::copy_n(state(s, row), sizes_.hidden, end_[s] + (group * rows_ + row) * sizes_.hidden);
  }

  void step(int64_t t) {
    for (int64_t turn = 0; turn < sizes_.blocks; ++turn) {
      // To and fro: what a small cache still holds of the weights is used first.
      const int64_t j = t & 1 ? sizes_.blocks - 1 - turn : turn;
      in_tiles<MOST>(rows_, [&](auto M, int64_t row) { tile<M>(t, j, row); });
    }
    std::swap(state_[0], state_[S]);
  }

  template <int M>
  void tile(int64_t t, int64_t j, int64_t row) {
    vec<T, W> product_[M][D];
    const T* weights = packed_.data() + j * sizes_.padded * D * W;
    product<T, W, M, D>(state(0, row), sizes_.padded, weights, sizes_.padded, product_);
    for (int m = 0; m < M; ++m) unit(t, j, row + m, product_[m]);
  }

  void unit(int64_t t, int64_t j, int64_t row, const vec<T, W> (&product)[D]) {
    const int64_t place = place_[row] + t * sizes_.channels, left = sizes_.hidden - j * W;
    const T* x = x_ + place * sizes_.inputs;
    const T* bias = entry_.data() + j * 4 * W;
    const T* input = entry_.data() + 4 * sizes_.padded + j * sizes_.inputs * E * W;
    vec<T, W> sum[4], states[S], kept[Cell::KEPT];
    for (int n = 0; n < 4; ++n) sum[n] = load<T, W>(bias + n * W);
    for (int64_t i = 0; i < sizes_.inputs; ++i)
      for (int n = 0; n < E; ++n) sum[n] += x[i] * load<T, W>(input + (i * E + n) * W);
    for (int d = 0; d < D; ++d) sum[Cell::driven[d]] += product[d];
    for (int s = 0; s < S; ++s) states[s] = load<T, W>(state(s, row) + j * W);
    Cell::step(sum, states, kept);
    store<T, W>(state(S, row) + j * W, states[0]);
    if constexpr (S > 1) store<T, W>(state(1, row) + j * W, states[1]);
    store_part<T, W>(h_ + place * sizes_.hidden + j * W, states[0], left);
    if (!kept_) return;
    for (int n = 0; n < Cell::KEPT; ++n)
      store_part<T, W>(kept_ + ((place + late_[row]) * Cell::KEPT + n) * sizes_.hidden + j * W, kept[n], left);
  }

  const Sizes<T> sizes_;
  const T *x_, *input_, *recurrent_, *bias_, *start_[S];
  T *h_, *kept_, *end_[S], *state_[S + 1];
  const int64_t rows_;
  Room<T> packed_, entry_, room_;
  std::vector<int64_t> place_, late_;
};

// x (takes, samples, channels, inputs), input (groups, inputs, entered hidden), recurrent (groups, hidden,
// driven hidden), bias (groups, 4 hidden), states (takes, channels, hidden) each
// -> h (takes, samples, channels, hidden), states after the end [, what the slopes need (takes, samples + 1, channels,
// kept, hidden)]
template <class T>
void gru(const Frame& frame) { Forward<T, Gru>(frame, false).run(); }
template <class T>
void gru_kept(const Frame& frame) { Forward<T, Gru>(frame, true).run(); }
template <class T>
void lstm(const Frame& frame) { Forward<T, Lstm>(frame, false).run(); }
template <class T>
void lstm_kept(const Frame& frame) { Forward<T, Lstm>(frame, true).run(); }

}  // namespace

DDSPFX_TARGET(gru)
DDSPFX_TARGET(gru_kept)
DDSPFX_TARGET(lstm)
DDSPFX_TARGET(lstm_kept)
