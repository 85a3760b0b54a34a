// A layer of causal dilated convolution: z = tanh(W rows + b) [sigmoid(...)], h + M z onwards, v z to the output.
#include "dilated.h"

using namespace ddspfx;

namespace {

// h (..., channels, samples), past (..., channels, memory), weight (..., units, taps channels), bias (..., units),
// onwards (..., channels, channels), output (..., channels) -> h onwards, heard (..., samples)
template <class T>
void dilated(const Frame& frame) {
  const Dilated<T> layer(frame);
  const int64_t channels = layer.channels, samples = layer.samples, units = layer.units;
  Room<T> rows(layer.inputs * CHUNK), entered(units * CHUNK), z(channels * CHUNK), heard(CHUNK);
  for (int64_t line = 0; line < layer.lines; ++line) {
    const int64_t group = line / (layer.lines / layer.groups);
    const T* h = frame.in<T>(0) + line * channels * samples;
    const T* past = frame.in<T>(1) + line * channels * layer.memory;
    const T* weight = frame.in<T>(2) + group * units * layer.inputs;
    const T* onwards = frame.in<T>(4) + group * channels * channels;
    T* next = frame.out<T>(0) + line * channels * samples;
    for (int64_t t0 = 0; t0 < samples; t0 += CHUNK) {
      const int64_t count = std::min(CHUNK, samples - t0);
      layer.listen(h, past, weight, frame.in<T>(3) + group * units, t0, rows.data(), entered.data());
      layer.curve(entered.data(), z.data());
      // The first rows are h without delay: they become what goes onwards.
      mix(onwards, channels, 1, z.data(), channels, rows.data(), channels);
      for (int64_t c = 0; c < channels; ++c) std::copy_n(rows.data() + c * CHUNK, count, next + c * samples + t0);
      std::fill_n(heard.data(), CHUNK, T(0));
      mix(frame.in<T>(5) + group * channels, 0, 1, z.data(), channels, heard.data(), 1);
      std::copy_n(heard.data(), count, frame.out<T>(1) + line * samples + t0);
    }
  }
}

// One line's slopes, added to those of its group.
template <class T>
class Back {
  static constexpr int W = wide<T>;

 public:
  explicit Back(const Frame& frame)
      : frame_(frame), layer_(frame), rows_(layer_.inputs * CHUNK), entered_(layer_.units * CHUNK),
        z_(layer_.channels * CHUNK), by_z_(layer_.channels * CHUNK), by_next_((layer_.channels + 1) * CHUNK),
        one_(CHUNK), by_weight_(layer_.units * layer_.inputs * W), by_bias_(layer_.units * W),
        by_mixes_((layer_.channels + 1) * layer_.channels * W) {
    std::fill_n(one_.data(), CHUNK, T(1));
  }

  void run() {
    const int64_t each = layer_.lines / layer_.groups;
    for (int64_t group = 0; group < layer_.groups; ++group) {
      by_weight_.clear(), by_bias_.clear(), by_mixes_.clear();
      for (int64_t line = group * each; line < (group + 1) * each; ++line) {
        T* by_past = frame_.out<T>(1) + line * layer_.channels * layer_.memory;
        std::fill_n(by_past, layer_.channels * layer_.memory, T(0));
        for (int64_t t0 = 0; t0 < layer_.samples; t0 += CHUNK) chunk(group, line, t0, by_past);
      }
      const int64_t square = layer_.channels * layer_.channels;
      totals(by_weight_.data(), layer_.units * layer_.inputs, frame_.out<T>(2) + group * layer_.units * layer_.inputs);
      totals(by_bias_.data(), layer_.units, frame_.out<T>(3) + group * layer_.units);
      totals(by_mixes_.data(), square, frame_.out<T>(4) + group * square);
      totals(by_mixes_.data() + square * W, layer_.channels, frame_.out<T>(5) + group * layer_.channels);
    }
  }

 private:
  void chunk(int64_t group, int64_t line, int64_t t0, T* by_past) {
    const int64_t channels = layer_.channels, samples = layer_.samples, units = layer_.units;
    const int64_t count = std::min(CHUNK, samples - t0), place = line * channels * samples;
    const T* weight = frame_.in<T>(2) + group * units * layer_.inputs;
    const T* past = frame_.in<T>(1) + line * channels * layer_.memory;
    T* by_h = frame_.out<T>(0) + place;
    layer_.listen(frame_.in<T>(0) + place, past, weight, frame_.in<T>(3) + group * units, t0, rows_.data(),
                  entered_.data());
    // Slopes by what goes onwards, and below them the slope by what is heard.
    layer_.take(frame_.in<T>(6) + place, nullptr, t0, 0, by_next_.data());
    T* by_heard = by_next_.data() + channels * CHUNK;
    std::copy_n(frame_.in<T>(7) + line * samples + t0, count, by_heard);
    std::fill(by_heard + count, by_heard + CHUNK, T(0));
    for (int64_t c = 0; c < channels; ++c)
      std::copy_n(by_next_.data() + c * CHUNK, count, by_h + c * samples + t0);
    std::fill_n(by_z_.data(), channels * CHUNK, T(0));
    mix(frame_.in<T>(4) + group * channels * channels, 1, channels, by_next_.data(), channels, by_z_.data(), channels);
    mix(frame_.in<T>(5) + group * channels, 1, 0, by_heard, 1, by_z_.data(), channels);
    layer_.curve(entered_.data(), z_.data(), by_z_.data());
    slopes(entered_.data(), units, rows_.data(), layer_.inputs, by_weight_.data());
    slopes(entered_.data(), units, one_.data(), 1, by_bias_.data());
    slopes(by_next_.data(), channels + 1, z_.data(), channels, by_mixes_.data());
    // The rows are done with: their slopes take their place.
    std::fill_n(rows_.data(), layer_.inputs * CHUNK, T(0));
    mix(weight, 1, layer_.inputs, entered_.data(), units, rows_.data(), layer_.inputs);
    for (int64_t k = 0; k < layer_.taps(); ++k)
      layer_.give(rows_.data() + k * channels * CHUNK, t0, k * layer_.step, by_h, by_past);
  }

  const Frame& frame_;
  const Dilated<T> layer_;
  Room<T> rows_, entered_, z_, by_z_, by_next_, one_, by_weight_, by_bias_, by_mixes_;
};

// What `dilated` reads, and the slopes by its results -> the slopes by what it reads, in the same order
template <class T>
void dilated_back(const Frame& frame) {
  Back<T>(frame).run();
}

}  // namespace

DDSPFX_TARGET(dilated)
DDSPFX_TARGET(dilated_back)
