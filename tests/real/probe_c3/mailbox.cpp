#include "mailbox.h"

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

namespace {

struct Task {
  uint32_t operation, unused;
  uint64_t a, b, result;
};

struct Mailbox {
  volatile uint32_t count;  // the test sets it, we clear it
  uint32_t unused;
  Task tasks[128];
  char text[64];
};

Mailbox box;

template <class To, class From>
To bits(From from) {
  To to = To();
  memcpy(&to, &from, sizeof from < sizeof to ? sizeof from : sizeof to);
  return to;
}

uint64_t out(double value) { return bits<uint64_t>(value); }
uint64_t out(float value) { return bits<uint32_t>(value); }

template <class Float>
int order(Float a, Float b) {
  return (a < b) | (a <= b) << 1 | (a == b) << 2 | (a != b) << 3 | (a >= b) << 4 | (a > b) << 5;
}

template <class Float>
uint64_t calculate(uint32_t operation, Float a, Float b, uint64_t raw) {
  switch (operation) {
    case 0: return out(a + b);
    case 1: return out(a - b);
    case 2: return out(a * b);
    case 3: return out(a / b);
    case 4: return static_cast<uint64_t>(order(a, b));
    case 5: return static_cast<uint64_t>(static_cast<int64_t>(static_cast<int32_t>(a)));
    case 6: return static_cast<uint32_t>(a);
    case 7: return static_cast<uint64_t>(static_cast<int64_t>(a));
    case 8: return static_cast<uint64_t>(a);
    case 9: return out(static_cast<Float>(static_cast<int32_t>(raw)));
    case 10: return out(static_cast<Float>(static_cast<uint32_t>(raw)));
    case 11: return out(static_cast<Float>(static_cast<int64_t>(raw)));
    case 12: return out(static_cast<Float>(raw));
    default: return 0;
  }
}

uint64_t whole(uint32_t operation, uint64_t a, uint64_t b) {
  const int64_t sa = static_cast<int64_t>(a), sb = static_cast<int64_t>(b);
  const int by = static_cast<int>(b & 63);
  switch (operation) {
    case 0: return a / b;
    case 1: return a % b;
    case 2: return static_cast<uint64_t>(sa / sb);
    case 3: return static_cast<uint64_t>(sa % sb);
    case 4: return a << by;
    case 5: return a >> by;
    case 6: return static_cast<uint64_t>(sa >> by);
    case 7: return a * b;
    case 8: return static_cast<uint64_t>(__builtin_clzll(b));
    case 9: return static_cast<uint64_t>(__builtin_ctzll(b));
    case 10: return static_cast<uint64_t>(__builtin_popcountll(a));
    case 11: return __builtin_bswap64(a);
    default: return 0;
  }
}

// Operations: from 0 on double, from 100 on float, from 200 on whole numbers, from 300 others.
uint64_t answer(const Task &task) {
  const uint32_t operation = task.operation % 100;
  switch (task.operation / 100) {
    case 0: return calculate(operation, bits<double>(task.a), bits<double>(task.b), task.a);
    case 1:
      return calculate(operation, bits<float>(static_cast<uint32_t>(task.a)),
                       bits<float>(static_cast<uint32_t>(task.b)), task.a);
    case 2: return whole(operation, task.a, task.b);
    default:
      switch (operation) {
        case 0: return out(sqrt(bits<double>(task.a)));
        case 1: return out(static_cast<double>(bits<float>(static_cast<uint32_t>(task.a))));
        case 2: return out(static_cast<float>(bits<double>(task.a)));
        case 3: return out(floor(bits<double>(task.a)));
        case 4: return out(ceil(bits<double>(task.a)));
        default:
          return static_cast<uint64_t>(snprintf(box.text, sizeof box.text, "%.*f",
                                                static_cast<int>(task.b), bits<double>(task.a)));
      }
  }
}

}  // namespace

void *mailbox() { return &box; }

void answer_mailbox() {
  for (uint32_t i = 0; i < box.count; ++i) {
    box.tasks[i].result = answer(box.tasks[i]);
  }
  box.count = 0;
}
