// Threefry-2x32 with twenty rounds: Salmon, Moraes, Dror, Shaw (2011), "Parallel random numbers: as easy as 1, 2, 3".
#include "frame.h"

using namespace ddspfx;

namespace {

constexpr int ROTATIONS[2][4] = {{13, 15, 26, 6}, {17, 29, 16, 24}};

inline void rounds(uint32_t& a, uint32_t& b, const int (&rotations)[4]) {
  for (int by : rotations) {
    a += b;
    b = (b << by) | (b >> (32 - by));
    b ^= a;
  }
}

// Counters lie as in JAX: all first words, then all second words.
void encrypt(const uint32_t* key, const uint32_t* counters, uint32_t* words, int64_t count) {
  const uint32_t keys[3] = {key[0], key[1], key[0] ^ key[1] ^ 0x1BD11BDA};
  for (int64_t n = 0; n < count; ++n) {
    uint32_t a = counters[n] + keys[0], b = counters[count + n] + keys[1];
    for (uint32_t turn = 1; turn <= 5; ++turn) {
      rounds(a, b, ROTATIONS[(turn - 1) % 2]);
      a += keys[turn % 3];
      b += keys[(turn + 1) % 3] + turn;
    }
    words[n] = a, words[count + n] = b;
  }
}

// key (lines or 1, 2), counters (lines or 1, 2 count) -> words (lines, 2 count), all uint32
template <class T>
void threefry(const Frame& frame) {
  const int64_t lines = frame.out_lines(0), length = frame.out_length(0);
  const int64_t keys = frame.in_lines(0) == 1 ? 0 : 2, counters = frame.in_lines(1) == 1 ? 0 : length;
  for (int64_t line = 0; line < lines; ++line)
    encrypt(frame.in<T>(0) + line * keys, frame.in<T>(1) + line * counters, frame.out<T>(0) + line * length,
            length / 2);
}

}  // namespace

DDSPFX_TARGET_OF(threefry, U32, uint32_t)
