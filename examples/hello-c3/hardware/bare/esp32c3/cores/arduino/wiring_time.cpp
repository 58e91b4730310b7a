// Time: the system timer counts microseconds, the ROM waits.

#include "Arduino.h"
#include "soc.h"

namespace {

const uint32_t kUpdate = 1u << 30;
const uint32_t kValid = 1u << 29;

uint64_t ticks() {
  SYSTIMER_UNIT0_OP = kUpdate;
  while (!(SYSTIMER_UNIT0_OP & kValid)) {
  }
  const uint32_t high = SYSTIMER_UNIT0_HI;
  return static_cast<uint64_t>(high) << 32 | SYSTIMER_UNIT0_LO;
}

}  // namespace

unsigned long micros() { return static_cast<unsigned long>(ticks() / SYSTIMER_TICKS_PER_US); }

unsigned long millis() {
  return static_cast<unsigned long>(ticks() / (SYSTIMER_TICKS_PER_US * 1000u));
}

void delay(unsigned long ms) {
  // The ROM counts cycles in 32 bits: long waits are given to it in pieces.
  const unsigned long piece_ms = 1000;
  for (; ms > piece_ms; ms -= piece_ms) {
    ROM_DELAY_US(piece_ms * 1000u);
  }
  ROM_DELAY_US(static_cast<uint32_t>(ms) * 1000u);
}

void delayMicroseconds(unsigned int us) { ROM_DELAY_US(us); }
