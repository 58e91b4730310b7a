// 64-bit arithmetic that RV32 has no instructions for: what compilers call by these names.
// Here and not from libgcc, because not every toolchain brings one for this chip.
// Source of the names: GCC internals, "The GCC low-level runtime library".

#include <stdint.h>

typedef union {
  uint64_t whole;
  struct {
    uint32_t low, high;
  };
} Halves;

uint64_t __ashldi3(uint64_t value, int by) {
  const Halves from = {.whole = value};
  Halves to = from;
  if (by >= 32) {
    to.high = from.low << (by - 32);
    to.low = 0;
  } else if (by) {
    to.high = from.high << by | from.low >> (32 - by);
    to.low = from.low << by;
  }
  return to.whole;
}

uint64_t __lshrdi3(uint64_t value, int by) {
  const Halves from = {.whole = value};
  Halves to = from;
  if (by >= 32) {
    to.low = from.high >> (by - 32);
    to.high = 0;
  } else if (by) {
    to.low = from.low >> by | from.high << (32 - by);
    to.high = from.high >> by;
  }
  return to.whole;
}

int64_t __ashrdi3(int64_t value, int by) {
  const Halves from = {.whole = (uint64_t)value};
  Halves to = from;
  if (by >= 32) {
    to.low = (uint32_t)((int32_t)from.high >> (by - 32));
    to.high = (uint32_t)((int32_t)from.high >> 31);
  } else if (by) {
    to.low = from.low >> by | from.high << (32 - by);
    to.high = (uint32_t)((int32_t)from.high >> by);
  }
  return (int64_t)to.whole;
}

int __clzsi2(uint32_t value) {
  int count = 0;
  for (int half = 16; half; half /= 2) {
    if (!(value >> (32 - half))) {
      count += half;
      value <<= half;
    }
  }
  return count + !(value >> 31);
}

int __clzdi2(uint64_t value) {
  const Halves halves = {.whole = value};
  return halves.high ? __clzsi2(halves.high) : 32 + __clzsi2(halves.low);
}

int __ctzsi2(uint32_t value) { return 31 - __clzsi2(value & -value); }

int __ctzdi2(uint64_t value) {
  const Halves halves = {.whole = value};
  return halves.low ? __ctzsi2(halves.low) : 32 + __ctzsi2(halves.high);
}

int __popcountsi2(uint32_t value) {
  int count = 0;
  for (; value; value &= value - 1) {
    ++count;
  }
  return count;
}

int __popcountdi2(uint64_t value) {
  const Halves halves = {.whole = value};
  return __popcountsi2(halves.low) + __popcountsi2(halves.high);
}

uint32_t __bswapsi2(uint32_t value) {
  return value << 24 | (value & 0xFF00) << 8 | (value >> 8 & 0xFF00) | value >> 24;
}

uint64_t __bswapdi2(uint64_t value) {
  const Halves from = {.whole = value};
  const Halves to = {.low = __bswapsi2(from.high), .high = __bswapsi2(from.low)};
  return to.whole;
}

// Schoolbook division, one bit a step, from the first bit in which the two can differ.
uint64_t __udivmoddi4(uint64_t value, uint64_t by, uint64_t *rest) {
  uint64_t quotient = 0;
  if (!((value | by) >> 32)) {
    quotient = (uint32_t)value / (uint32_t)by;
    value = (uint32_t)value % (uint32_t)by;
  } else if (by <= value) {
    int shift = __clzdi2(by) - __clzdi2(value);
    for (by = __ashldi3(by, shift); shift >= 0; --shift, by >>= 1) {
      quotient <<= 1;
      if (value >= by) {
        value -= by;
        quotient |= 1;
      }
    }
  }
  if (rest) {
    *rest = value;
  }
  return quotient;
}

uint64_t __udivdi3(uint64_t value, uint64_t by) { return __udivmoddi4(value, by, 0); }

uint64_t __umoddi3(uint64_t value, uint64_t by) {
  uint64_t rest;
  __udivmoddi4(value, by, &rest);
  return rest;
}

static uint64_t magnitude(int64_t value) { return value < 0 ? 0 - (uint64_t)value : (uint64_t)value; }

int64_t __divdi3(int64_t value, int64_t by) {
  const uint64_t quotient = __udivdi3(magnitude(value), magnitude(by));
  return (int64_t)((value < 0) != (by < 0) ? 0 - quotient : quotient);
}

int64_t __moddi3(int64_t value, int64_t by) {
  const uint64_t rest = __umoddi3(magnitude(value), magnitude(by));
  return (int64_t)(value < 0 ? 0 - rest : rest);
}
