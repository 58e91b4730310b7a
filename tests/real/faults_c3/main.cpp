// Faults on request: each letter that is typed is one.
#include <Arduino.h>

#include "soc.h"

namespace {

struct Sensor {
  volatile uint32_t value;
};

__attribute__((noinline)) uint32_t read_sensor(const Sensor *sensor) {
  return sensor->value + 1;  // load
}

inline uint32_t filtered(const Sensor *sensor) {
  return read_sensor(sensor) * 3 + 7;  // filtered
}

__attribute__((noinline)) void give_up() {
  abort();  // abort
}

__attribute__((noinline)) void smash(volatile char *from) {
  volatile char text[8];
  for (int i = 0; i < 24; ++i) {
    text[i] = from[i];
  }
}  // smash

__attribute__((noinline)) void jump_nowhere() {
  void (*volatile nothing)() = nullptr;
  nothing();  // jump
  Serial.println("back");
}

__attribute__((noinline)) void hang() {
  TIMG0_WDT_PROTECT = WDT_KEY;
  REG(0x6001F04C) = 1u << 16;                // ticks of 25 ns
  REG(0x6001F050) = 4000000;                 // 0.1 s
  TIMG0_WDT_CONFIG0 = 1u << 31 | 3u << 29;   // then reset the system
  TIMG0_WDT_PROTECT = 0;
  for (;;) {  // hang
  }
}

volatile char letters[] = "AAAABBBBCCCCDDDDEEEEFFFF";

}  // namespace

void setup() {
  Serial.begin(115200);
  Serial.println("ready");
}

void loop() {
  switch (Serial.read()) {
    case 'l': Serial.println(filtered(reinterpret_cast<Sensor *>(16)), HEX); break;  // loop load
    case 'a': give_up(); break;  // loop abort
    case 's': smash(letters); break;
    case 'j': jump_nowhere(); break;
    case 'w': hang(); break;
  }
}
