#include <Arduino.h>

#include "blink.h"
#include "greeting.h"

namespace {
const uint32_t kTickMs = 1000;
uint32_t next_tick_ms = 0;
uint32_t ticks = 0;
}  // namespace

void setup() {
  Serial.begin(115200);
  Serial.println(GREETING);
  next_tick_ms = millis() + kTickMs;
}

void loop() {
  const uint32_t now = millis();
  while (Serial.available()) {
    Serial.write(Serial.read());
  }
  if (static_cast<int32_t>(now - next_tick_ms) >= 0) {
    next_tick_ms += kTickMs;
    Serial.printf("tick %lu\n", static_cast<unsigned long>(++ticks));
  }
  blink(now);
}
