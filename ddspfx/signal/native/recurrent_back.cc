// The slopes of GRU and LSTM over whole pieces of sound: the recurrence the other way round, in chunks of time, and
// after each chunk its share of the weights' slopes, as products of long matrices that are still in the cache.
#include "recurrent.h"

using namespace ddspfx;

namespace {

constexpr int64_t CHUNK = 32;  // samples
constexpr int64_t AHEAD = 2;   // samples by which reading is announced: processors foresee what goes forwards in time

template <class T, class Cell>
class Backward {
  static constexpr int W = wide<T>, D = Cell::DRIVEN, E = Cell::ENTERED, S = Cell::STATES, K = Cell::KEPT;
  static constexpr int MOST = sizeof(vec<T, W>) == 64 ? 8 : 4;
  // Rows of the recurrent weights' slopes whose sums stay in registers.
  static constexpr int TALL = sizeof(vec<T, W>) == 64 ? (D == 3 ? 8 : 4) : 2;

 public:
  explicit Backward(const Frame& frame)
      : sizes_(frame, 0, 2), slope_h_(frame.in<T>(3)), x_(frame.in<T>(0)), input_(frame.in<T>(1)),
        recurrent_(frame.in<T>(2)), h_(frame.in<T>(4)), kept_(frame.in<T>(5)), slope_x_(frame.out<T>(0)),
        slope_input_(frame.out<T>(1)), slope_recurrent_(frame.out<T>(2)), slope_bias_(frame.out<T>(3)),
        start_(frame.in<T>(6)), channels_(sizes_.channels), padded_(sizes_.padded),
        together_(std::max<int64_t>(1, std::min(sizes_.takes / sizes_.groups, 8 / channels_))),
        rows_(together_ * channels_), turned_(padded_ * D * padded_), entry_(sizes_.inputs * E * padded_),
        slopes_(S * rows_ * padded_), sums_(rows_ * apart(4)), before_(rows_ * apart(1)),
        recurrent_sum_(together_ * padded_ * D * padded_), entry_sum_(together_ * (sizes_.inputs * E + 4) * padded_),
        place_(rows_) {
    for (int s = 0; s < S; ++s) last_[s] = frame.in<T>(7 + s), first_[s] = frame.out<T>(4 + s);
  }

  void run() {
    const int64_t each = sizes_.takes / sizes_.groups;
    for (int64_t group = 0; group < sizes_.groups; ++group) {
      weights(group);
      for (int64_t take = 0; take < each; take += together_)
        bundle(group * each + take, std::min(together_, each - take));
    }
  }

 private:
  // From row to row of a chunk; were it a power of two, all rows would fall into the same places of the cache.
  int64_t apart(int64_t n) const { return CHUNK * n * padded_ + 64 / sizeof(T); }
  T* slope(int s, int64_t row) { return slopes_.data() + (s * rows_ + row) * padded_; }
  // The slopes of the gates' sums lie with the driven ones first.
  T* sums(int64_t row, int64_t k) { return sums_.data() + row * apart(4) + k * 4 * padded_; }
  T* before(int64_t row, int64_t k) { return before_.data() + row * apart(1) + k * padded_; }
  static constexpr int lane(int gate) {
    for (int d = 0; d < D; ++d)
      if (Cell::driven[d] == gate) return d;
    return D;
  }

  void weights(int64_t group) {
    const int64_t hidden = sizes_.hidden;
    pack<T, E>(input_ + group * sizes_.inputs * E * hidden, sizes_.inputs, sizes_.inputs, sizes_, entry_.data());
    // (blocks, driven padded, W): R with its rows and columns changed.
    const T* from = recurrent_ + group * hidden * D * hidden;
    for (int64_t k = 0; k < hidden; ++k)
      for (int d = 0; d < D; ++d)
        for (int64_t n = 0; n < hidden; ++n)
          turned_.data()[((k / W * D + d) * padded_ + n) * W + k % W] = from[(k * D + d) * hidden + n];
  }

  // Some takes of the same weights, all of their channels.
  void bundle(int64_t take, int64_t takes) {
    const int64_t rows = takes * channels_;
    recurrent_sum_.clear(), entry_sum_.clear();
    for (int64_t row = 0; row < rows; ++row) {
      place_[row] = sizes_.place(take * channels_ + row, 0);
      for (int s = 0; s < S; ++s)
        std::copy_n(last_[s] + (take * channels_ + row) * sizes_.hidden, sizes_.hidden, slope(s, row));
    }
    for (int64_t t1 = sizes_.samples; t1 > 0; t1 -= CHUNK) {
      const int64_t t0 = std::max<int64_t>(0, t1 - CHUNK);
      for (int64_t t = t1; t-- > t0;) step(take, rows, t, t - t0);
      for (int64_t n = 0; n < takes; ++n) weigh(n, t0, t1 - t0);
      for (int64_t row = 0; row < rows; ++row) enter(row, t0, t1 - t0);
    }
    for (int64_t row = 0; row < rows; ++row)
      for (int s = 0; s < S; ++s)
        std::copy_n(slope(s, row), sizes_.hidden, first_[s] + (take * channels_ + row) * sizes_.hidden);
    for (int64_t n = 0; n < takes; ++n) finish(take + n, n);
  }

  void step(int64_t take, int64_t rows, int64_t t, int64_t k) {
    for (int64_t row = 0; row < rows; ++row)
      for (int64_t j = 0; j < sizes_.blocks; ++j) unit(take, row, t, k, j);
    for (int64_t turn = 0; turn < sizes_.blocks; ++turn) {
      const int64_t j = t & 1 ? sizes_.blocks - 1 - turn : turn;
      const T* weights = turned_.data() + j * D * padded_ * W;
      in_tiles<MOST>(rows, [&](auto M, int64_t row) {
        vec<T, W> sum[M][1];
        product<T, W, M, 1>(sums(row, k), apart(4), weights, D * padded_, sum);
        for (int m = 0; m < M; ++m) {
          T* to = slope(0, row + m) + j * W;
          store<T, W>(to, load<T, W>(to) + sum[m][0]);
        }
      });
    }
  }

  void unit(int64_t take, int64_t row, int64_t t, int64_t k, int64_t j) {
    const int64_t place = place_[row] + t * channels_, late = sizes_.late(take * channels_ + row);
    const int64_t hidden = sizes_.hidden, left = hidden - j * W;
    const T* earlier = t ? h_ + (place - channels_) * hidden : start_ + (take * channels_ + row) * hidden;
    const vec<T, W> h = load_part<T, W>(earlier + j * W, left);
    const T *kept_here = kept_ + (place + late) * K * hidden + j * W, *slope_here = slope_h_ + place * hidden + j * W;
    for (int n = 0; n < K; ++n) __builtin_prefetch(kept_here + (n - AHEAD * channels_ * K) * hidden);
    __builtin_prefetch(slope_here - AHEAD * channels_ * hidden);
    __builtin_prefetch(earlier + j * W - AHEAD * channels_ * hidden);
    vec<T, W> kept[K], slopes[S], sum[4];
    for (int n = 0; n < K; ++n) kept[n] = load_part<T, W>(kept_here + n * hidden, left);
    for (int s = 0; s < S; ++s) slopes[s] = load<T, W>(slope(s, row) + j * W);
    slopes[0] += load_part<T, W>(slope_here, left);
    Cell::back(kept, h, slopes, sum);
    for (int s = 0; s < S; ++s) store<T, W>(slope(s, row) + j * W, slopes[s]);
    for (int n = 0; n < 4; ++n) store<T, W>(sums(row, k) + lane(n) * padded_ + j * W, sum[n]);
    store<T, W>(before(row, k) + j * W, h);
  }

  // The slopes of a take's weights, more by those of a chunk of `count` samples.
  void weigh(int64_t n, int64_t t0, int64_t count) {
    T* to = recurrent_sum_.data() + n * padded_ * D * padded_;
    for (int64_t j = 0; j < sizes_.blocks; ++j)
      for (int64_t i = 0; i < padded_; i += TALL) {
        vec<T, W> sum[TALL][D];
        T* place = to + (j * padded_ + i) * D * W;
        for (int m = 0; m < TALL; ++m)
          for (int d = 0; d < D; ++d) sum[m][d] = load<T, W>(place + (m * D + d) * W);
        for (int64_t row = n * channels_; row < (n + 1) * channels_; ++row)
          for (int64_t k = 0; k < count; ++k) outer(before(row, k) + i, sums(row, k) + j * W, sum);
        for (int m = 0; m < TALL; ++m)
          for (int d = 0; d < D; ++d) store<T, W>(place + (m * D + d) * W, sum[m][d]);
      }
    for (int64_t row = n * channels_; row < (n + 1) * channels_; ++row) weigh_entry(n, row, t0, count);
  }

  void outer(const T* h, const T* sums, vec<T, W> (&sum)[TALL][D]) {
    vec<T, W> column[D];
#pragma GCC unroll 4
    for (int d = 0; d < D; ++d) column[d] = load<T, W>(sums + d * padded_);
#pragma GCC unroll 8
    for (int m = 0; m < TALL; ++m)
#pragma GCC unroll 4
      for (int d = 0; d < D; ++d) sum[m][d] += splat<T, W>(h[m]) * column[d];
  }

  void weigh_entry(int64_t n, int64_t row, int64_t t0, int64_t count) {
    T* to = entry_sum_.data() + n * (sizes_.inputs * E + 4) * padded_;
    for (int64_t i = -1; i < sizes_.inputs; ++i)
      for (int64_t j = 0; j < sizes_.blocks; ++j) {
        vec<T, W> sum[4] = {};
        for (int64_t k = 0; k < count; ++k) {
          const T x = i < 0 ? 1 : x_[(place_[row] + (t0 + k) * channels_) * sizes_.inputs + i];
          for (int g = 0; g < 4; ++g) sum[g] += x * load<T, W>(sums(row, k) + lane(g) * padded_ + j * W);
        }
        T* place = to + (i < 0 ? 0 : 4 + i * E) * padded_ + j * W;
        for (int g = 0; g < (i < 0 ? 4 : E); ++g)
          store<T, W>(place + g * padded_, load<T, W>(place + g * padded_) + sum[g]);
      }
  }

  void enter(int64_t row, int64_t t0, int64_t count) {
    for (int64_t k = 0; k < count; ++k)
      for (int64_t i = 0; i < sizes_.inputs; ++i) {
        vec<T, W> sum = {};
        for (int64_t j = 0; j < sizes_.blocks; ++j)
          for (int g = 0; g < E; ++g)
            sum += load<T, W>(entry_.data() + ((j * sizes_.inputs + i) * E + g) * W) *
                   load<T, W>(sums(row, k) + lane(g) * padded_ + j * W);
        T total = 0;
        for (int w = 0; w < W; ++w) total += sum[w];
        slope_x_[(place_[row] + (t0 + k) * channels_) * sizes_.inputs + i] = total;
      }
  }

  void finish(int64_t take, int64_t n) {
    const int64_t hidden = sizes_.hidden, inputs = sizes_.inputs;
    const T* from = recurrent_sum_.data() + n * padded_ * D * padded_;
    for (int64_t k = 0; k < hidden; ++k)
      for (int d = 0; d < D; ++d)
        for (int64_t j = 0; j < sizes_.blocks; ++j)
          std::copy_n(from + ((j * padded_ + k) * D + d) * W, std::min<int64_t>(W, hidden - j * W),
                      slope_recurrent_ + ((take * hidden + k) * D + d) * hidden + j * W);
    from = entry_sum_.data() + n * (inputs * E + 4) * padded_;
    for (int64_t g = 0; g < 4; ++g)
      std::copy_n(from + g * padded_, hidden, slope_bias_ + (take * 4 + g) * hidden);
    for (int64_t g = 0; g < inputs * E; ++g)
      std::copy_n(from + (4 + g) * padded_, hidden, slope_input_ + (take * inputs * E + g) * hidden);
  }

  const Sizes<T> sizes_;
  const T *slope_h_, *x_, *input_, *recurrent_, *h_, *kept_;
  T *slope_x_, *slope_input_, *slope_recurrent_, *slope_bias_;
  const T *start_, *last_[S];
  T* first_[S];
  const int64_t channels_, padded_, together_, rows_;
  Room<T> turned_, entry_, slopes_, sums_, before_, recurrent_sum_, entry_sum_;
  std::vector<int64_t> place_;
};

// x, input, recurrent, slope of h, h, what was kept, h before the start, slopes of the states after the end
// -> slopes of x, input, recurrent, bias (a set of weights for each take), of the states before the start
template <class T>
void gru_back(const Frame& frame) { Backward<T, Gru>(frame).run(); }
template <class T>
void lstm_back(const Frame& frame) { Backward<T, Lstm>(frame).run(); }

}  // namespace

DDSPFX_TARGET(gru_back)
DDSPFX_TARGET(lstm_back)
