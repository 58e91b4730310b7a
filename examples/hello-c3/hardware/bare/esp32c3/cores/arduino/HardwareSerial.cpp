#include "HardwareSerial.h"

#include "soc.h"

HardwareSerial Serial;

namespace {

const uint32_t kRomBaud = 115200;

uint32_t received() { return UART_STATUS & 0x3FF; }
uint32_t unsent() { return UART_STATUS >> 16 & 0x3FF; }

// The divider counts sixteenths. The ROM's is the one for 115200, whatever clock it chose: all
// others follow from it.
uint32_t divider() { return (UART_CLKDIV & 0xFFF) << 4 | (UART_CLKDIV >> 20 & 0xF); }
void set_divider(uint32_t sixteenths) {
  UART_CLKDIV = (sixteenths >> 4 & 0xFFF) | (sixteenths & 0xF) << 20;
}

}  // namespace

void HardwareSerial::begin(unsigned long baud) {
  static const uint32_t rom_divider = divider();
  if (baud == 0) {
    return;
  }
  flush();
  set_divider((rom_divider * kRomBaud + baud / 2) / baud);
}

int HardwareSerial::available() { return static_cast<int>(received()) + (peeked_ >= 0); }

int HardwareSerial::read() {
  if (peeked_ >= 0) {
    const int value = peeked_;
    peeked_ = -1;
    return value;
  }
  return received() ? static_cast<int>(UART_FIFO & 0xFF) : -1;
}

int HardwareSerial::peek() {
  if (peeked_ < 0) {
    peeked_ = read();
  }
  return peeked_;
}

int HardwareSerial::availableForWrite() { return static_cast<int>(UART_FIFO_SIZE - unsent()); }

size_t HardwareSerial::write(uint8_t value) {
  while (unsent() >= UART_FIFO_SIZE) {
  }
  UART_FIFO = value;
  return 1;
}

void HardwareSerial::flush() {
  while (unsent()) {
  }
}
