// Second-order sections in a row with coefficients that stand still: the state-variable form of ddspfx/signal/svf.py.
//
// A section is six numbers and two integrators. With a = x - s2, r = a - p s1 and w = s1 + g a it gives
// y = k s1 + l s2 + d x, and the integrators go on to s1 + c r and s2 + c w. All sections take a sample before the
// next one comes, so that the processor works on the late sections of one sample and the early ones of the next at
// a time; the sums over time that are the coefficients' slopes have a loop of their own.
#include <algorithm>

#include "frame.h"
#include "lanes.h"

using namespace ddspfx;

namespace {

constexpr int KEEP = 32;  // The integrators are kept once in so many samples; those between are worked out again, in the first cache.
constexpr int NUMBERS = 6;
constexpr int STRETCH = 256;  // Samples that the backward pass reads and writes at a time, a multiple of KEEP.
constexpr int MOST = 6;

template <class T, int W>
struct Section {
  vec<T, W> p, g, c, k, l, d;

  vec<T, W> step(const vec<T, W>& x, vec<T, W>& s1, vec<T, W>& s2) const {
    const vec<T, W> a = x - s2, r = a - p * s1, w = s1 + g * a, y = k * s1 + (l * s2 + d * x);
    s1 += c * r, s2 += c * w;
    return y;
  }
  // From the slopes of y and of the integrators after to those of x and of the integrators before. What does not wait
  // for a product of the integrators is added first, since their chain is what a step costs.
  vec<T, W> back(const vec<T, W>& y, vec<T, W>& s1, vec<T, W>& s2) const {
    const vec<T, W> r = c * s1, w = c * s2, a = r + g * w;
    s1 = (s1 + k * y) + (w - p * r), s2 = (s2 + l * y) - a;
    return d * y + a;
  }
};

template <class T>
struct Call {
  Rows<T> x, slope;
  const T *numbers, *start;
  T *y, *end, *kept, *slopes;
  int64_t channels, samples, systems;

  int64_t chunks() const { return (samples + KEEP - 1) / KEEP; }
};

template <class T, int W, int K>
struct Lane {
  const Call<T>& call;
  const int64_t c0;
  const int live;
  Section<T, W> sections[K];
  vec<T, W> s[K][2];
  static constexpr int MARKS = STRETCH / KEEP * 2 * K;  // Integrators kept in a stretch.
  static constexpr int TOGETHER = K == 1 ? 4 : K == 2 ? 2 : 1;  // Chunks worked out side by side: few sections wait long.
  static constexpr int SPAN = TOGETHER * KEEP;

  Lane(const Call<T>& call, int64_t c0)
      : call(call), c0(c0), live(static_cast<int>(std::min<int64_t>(W, call.channels - c0))) {
    for (int lane = 0; lane < W; ++lane) {
      const T* from = call.numbers + (call.systems == 1 ? 0 : channel(lane)) * K * NUMBERS;
      for (int i = 0; i < K; ++i, from += NUMBERS) {
        Section<T, W>& to = sections[i];
        to.p[lane] = from[0], to.g[lane] = from[1], to.c[lane] = from[2];
        to.k[lane] = from[3], to.l[lane] = from[4], to.d[lane] = from[5];
      }
    }
    read(call.start);
  }
  int64_t channel(int lane) const { return c0 + std::min(lane, live - 1); }
  void read(const T* from) {
    for (int lane = 0; lane < W; ++lane)
      for (int i = 0; i < 2 * K; ++i) s[i / 2][i % 2][lane] = from[channel(lane) * 2 * K + i];
  }
  void write(T* to) const {
    for (int lane = 0; lane < live; ++lane)
      for (int i = 0; i < 2 * K; ++i) to[channel(lane) * 2 * K + i] = s[i / 2][i % 2][lane];
  }
  // Columns `from` to `from + count` of rows of `length`, turned so that a vector holds one of each channel.
  void load(const T* rows, int64_t length, int64_t from, int64_t count, vec<T, W>* to) const {
    for (int64_t t = 0; t < count; t += W)
      load_tile<T, W>({rows, length, 1}, c0, from + t, call.channels, length, reinterpret_cast<vec<T, W>(&)[W]>(to[t]));
  }
  void store(T* rows, int64_t length, int64_t to, int64_t count, vec<T, W>* from) const {
    for (int64_t t = 0; t < count; t += W)
      store_tile<T, W>(rows, c0, to + t, call.channels, length, reinterpret_cast<vec<T, W>(&)[W]>(from[t]));
  }
  // Asks for a chunk before it is needed, where it will be written too: the processor does not follow so many streams.
  void ahead(const T* from, int64_t t0) const {
    if (t0 < 0 || t0 >= call.samples) return;
    for (int lane = 0; lane < live; ++lane)
      for (int t = 0; t < KEEP; t += 64 / static_cast<int>(sizeof(T)))
        __builtin_prefetch(from + (c0 + lane) * call.samples + t0 + t);
  }

  void forwards() {
    vec<T, W> line[KEEP], marks[MARKS];
    const int64_t length = call.chunks() * 2 * K;
    for (int64_t t0 = 0, place = 0; t0 < call.samples; t0 += KEEP, place += 2 * K) {
      const int64_t count = std::min<int64_t>(KEEP, call.samples - t0);
      load(call.x.data, call.samples, t0, count, line);
      ahead(call.x.data, t0 + KEEP), ahead(call.y, t0 + KEEP);
      std::copy(&s[0][0], &s[0][0] + 2 * K, marks + place % MARKS);
      for (int64_t t = 0; t < count; ++t)
        for (int i = 0; i < K; ++i) line[t] = sections[i].step(line[t], s[i][0], s[i][1]);
      store(call.y, call.samples, t0, count, line);
      const int64_t made = place % MARKS + 2 * K;
      if (call.kept && (made == MARKS || t0 + KEEP >= call.samples))
        store(call.kept, length, place + 2 * K - made, made, marks);
    }
    write(call.end);
  }

  // A stretch of several chunks is read and written at a time, since memory is slow backwards in short pieces.
  void backwards() {
    vec<T, W> x[STRETCH], slope[STRETCH], marks[MARKS], adjoint[K][2];
    double sums[K][NUMBERS][W] = {};
    std::copy(&s[0][0], &s[0][0] + 2 * K, &adjoint[0][0]);
    for (int64_t t0 = (call.samples + STRETCH - 1) / STRETCH * STRETCH - STRETCH; t0 >= 0; t0 -= STRETCH) {
      const int64_t count = std::min<int64_t>(STRETCH, call.samples - t0);
      load(call.x.data, call.samples, t0, count, x), load(call.slope.data, call.samples, t0, count, slope);
      load(call.kept, call.chunks() * 2 * K, t0 / KEEP * 2 * K, (count + KEEP - 1) / KEEP * 2 * K, marks);
      for (int64_t t = (count - 1) / SPAN * SPAN; t >= 0; t -= SPAN) {
        for (int64_t early = t0 + t - STRETCH; early < t0 + t - STRETCH + SPAN; early += KEEP)
          ahead(call.x.data, early), ahead(call.slope.data, early);
        span(std::min<int64_t>(SPAN, count - t), x + t, marks + t / KEEP * 2 * K, slope + t, adjoint, sums);
      }
      store(call.y, call.samples, t0, count, slope);
    }
    std::copy(&adjoint[0][0], &adjoint[0][0] + 2 * K, &s[0][0]);
    write(call.end);
    for (int lane = 0; lane < live; ++lane)
      for (int i = 0; i < K * NUMBERS; ++i)
        call.slopes[channel(lane) * K * NUMBERS + i] = static_cast<T>(sums[i / NUMBERS][i % NUMBERS][lane]);
  }

  // What every section was given and its integrators before, from those kept at the start of each chunk.
  void again(int64_t count, const vec<T, W>* x, const vec<T, W>* marks, vec<T, W> (&inputs)[K][SPAN],
             vec<T, W> (&before)[K][2][SPAN]) const {
    vec<T, W> now[TOGETHER][K][2];
    std::copy_n(marks, TOGETHER * 2 * K, &now[0][0][0]);
    const auto step = [&](int64_t t, vec<T, W>(&state)[K][2]) {
      vec<T, W> y = x[t];
      for (int i = 0; i < K; ++i) {
        inputs[i][t] = y, before[i][0][t] = state[i][0], before[i][1][t] = state[i][1];
        y = sections[i].step(y, state[i][0], state[i][1]);
      }
    };
    if (count < SPAN)
      for (int64_t t = 0; t < count; ++t) step(t, now[0]);
    else
      for (int64_t t = 0; t < KEEP; ++t)
        for (int j = 0; j < TOGETHER; ++j) step(j * KEEP + t, now[j]);
  }

  // From the slopes of y to those of x, in their place.
  void span(int64_t count, const vec<T, W>* x, const vec<T, W>* marks, vec<T, W>* slope, vec<T, W> (&adjoint)[K][2],
            double (&sums)[K][NUMBERS][W]) const {
    vec<T, W> inputs[K][SPAN], before[K][2][SPAN], slopes[K][SPAN], after[K][2][SPAN];
    again(count, x, marks, inputs, before);
    for (int64_t t = count - 1; t >= 0; --t) {
      vec<T, W> now = slope[t];
      for (int i = K - 1; i >= 0; --i) {
        slopes[i][t] = now, after[i][0][t] = adjoint[i][0], after[i][1][t] = adjoint[i][1];
        now = sections[i].back(now, adjoint[i][0], adjoint[i][1]);
      }
      slope[t] = now;
    }
    for (int i = 0; i < K; ++i)
      for (int64_t t = 0; t < count; t += KEEP)
        gather(sections[i], std::min<int64_t>(KEEP, count - t), inputs[i] + t, before[i][0] + t, before[i][1] + t,
               slopes[i] + t, after[i][0] + t, after[i][1] + t, sums[i]);
  }

  static void gather(const Section<T, W>& section, int64_t count, const vec<T, W>* x, const vec<T, W>* first,
                     const vec<T, W>* second, const vec<T, W>* y, const vec<T, W>* on_first,
                     const vec<T, W>* on_second, double (&sums)[NUMBERS][W]) {
    vec<T, W> sum[NUMBERS] = {}, more = {};
    for (int64_t t = 0; t < count; ++t) {
      const vec<T, W> s1 = first[t], s2 = second[t], a = x[t] - s2, on_r = on_first[t], on_w = on_second[t];
      sum[0] -= on_r * s1, sum[1] += on_w * a;  // Both still to be multiplied by c.
      sum[2] += on_r * (a - section.p * s1), more += on_w * (s1 + section.g * a);
      sum[3] += y[t] * s1, sum[4] += y[t] * s2, sum[5] += y[t] * x[t];
    }
    sum[0] *= section.c, sum[1] *= section.c, sum[2] += more;
    for (int i = 0; i < NUMBERS; ++i)
      for (int lane = 0; lane < W; ++lane) sums[i][lane] += sum[i][lane];
  }
};

template <class T, int W, int K>
void lanes(const Call<T>& call, int64_t c0) {
  Lane<T, W, K> lane(call, c0);
  call.slopes ? lane.backwards() : lane.forwards();
}

template <class T, int K>
void channels(const Call<T>& call) {
  constexpr int WIDE = 32 / sizeof(T);
  int64_t c0 = 0;
  for (; call.channels - c0 > WIDE / 2; c0 += WIDE) lanes<T, WIDE, K>(call, c0);
  for (; call.channels - c0 > 1; c0 += WIDE / 2) lanes<T, WIDE / 2, K>(call, c0);
  if (call.channels - c0 == 1) lanes<T, 1, K>(call, c0);
}

template <class T, int K = 1>
void run(const Call<T>& call, int64_t sections) {
  if (sections == K) return channels<T, K>(call);
  if constexpr (K < MOST) run<T, K + 1>(call, sections);
}

template <class T>
Call<T> given(const Frame& frame) {
  Call<T> call{};
  call.channels = frame.in_lines(0), call.samples = frame.in_length(1), call.systems = frame.in_lines(2);
  call.start = frame.in<T>(0), call.x = {frame.in<T>(1), call.samples, 1}, call.numbers = frame.in<T>(2);
  call.y = frame.out<T>(0);
  return call;
}

// start (channels, 2 sections), x (channels, samples), numbers (channels or 1, 6 sections) -> y, end
template <class T>
void sections(const Frame& frame) {
  Call<T> call = given<T>(frame);
  call.end = frame.out<T>(1);
  run(call, frame.in_length(0) / 2);
}

// the same -> y, the integrators at the start of every chunk (channels, chunks 2 sections), end
template <class T>
void sections_kept(const Frame& frame) {
  Call<T> call = given<T>(frame);
  call.kept = frame.out<T>(1), call.end = frame.out<T>(2);
  run(call, frame.in_length(0) / 2);
}

// slopes of the end, x, numbers, slopes of y, what was kept -> slopes of x, of the numbers (channels, 6 sections), of start
template <class T>
void sections_back(const Frame& frame) {
  Call<T> call = given<T>(frame);
  call.slope = {frame.in<T>(3), call.samples, 1}, call.kept = const_cast<T*>(frame.in<T>(4));
  call.slopes = frame.out<T>(1), call.end = frame.out<T>(2);
  run(call, frame.in_length(0) / 2);
}

}  // namespace

DDSPFX_TARGET(sections)
DDSPFX_TARGET(sections_kept)
DDSPFX_TARGET(sections_back)
