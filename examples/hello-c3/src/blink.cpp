#include "blink.h"

#include <Arduino.h>

namespace {
const uint32_t kHalfPeriodMs = 500;
}

void blink(uint32_t now_ms) {
  static bool ready = false;
  if (!ready) {
    pinMode(LED_BUILTIN, OUTPUT);
    ready = true;
  }
  digitalWrite(LED_BUILTIN, (now_ms / kHalfPeriodMs) % 2 ? HIGH : LOW);
}
