// Pins: a pin's number is its GPIO number.

#include "Arduino.h"
#include "soc.h"

namespace {
bool exists(uint8_t pin) { return pin < NUM_DIGITAL_PINS; }
}  // namespace

void pinMode(uint8_t pin, uint8_t mode) {
  if (!exists(pin)) {
    return;
  }
  uint32_t pad = (IO_MUX(pin) & ~(IO_MUX_PULL_UP | IO_MUX_PULL_DOWN | 7u << 12));
  pad |= IO_MUX_FUNCTION_GPIO | IO_MUX_INPUT;
  pad |= mode == INPUT_PULLUP ? IO_MUX_PULL_UP : mode == INPUT_PULLDOWN ? IO_MUX_PULL_DOWN : 0;
  IO_MUX(pin) = pad;
  if (mode == OUTPUT) {
    GPIO_FUNC_OUT_SEL(pin) = GPIO_FUNC_OUT_SIMPLE;
    GPIO_ENABLE_W1TS = 1u << pin;
  } else {
    GPIO_ENABLE_W1TC = 1u << pin;
  }
}

void digitalWrite(uint8_t pin, uint8_t value) {
  if (!exists(pin)) {
    return;
  }
  if (value == LOW) {
    GPIO_OUT_W1TC = 1u << pin;
  } else {
    GPIO_OUT_W1TS = 1u << pin;
  }
}

int digitalRead(uint8_t pin) { return exists(pin) && (GPIO_IN >> pin & 1u) ? HIGH : LOW; }
