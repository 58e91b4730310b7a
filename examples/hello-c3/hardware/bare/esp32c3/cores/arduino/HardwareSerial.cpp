#include "HardwareSerial.h"

#include "soc.h"

HardwareSerial Serial;

namespace {

const uint32_t kRomBaud = 115200;

uint32_t received() { return UART_STATUS & 0x3FF; }
uint32_t unsent() { return UART_STATUS >> 16 & 0x3FF; }

// The rate is that of the UART's clock, divided twice: by a whole number, and by sixteenths.
// The ROM's dividers are the ones for 115200, whatever clock it chose: all others follow.
const uint32_t kSixteenthsMost = 0xFFFF;

uint32_t divider() {
  const uint32_t sixteenths = (UART_CLKDIV & 0xFFF) << 4 | (UART_CLKDIV >> 20 & 0xF);
  return sixteenths * ((UART_CLK_CONF >> 12 & 0xFF) + 1);
}

void set_divider(uint32_t total) {
  const uint32_t before = total / (kSixteenthsMost + 1) + 1;
  const uint32_t sixteenths = total / before;
  UART_CLK_CONF = (UART_CLK_CONF & ~(0xFFu << 12)) | (before - 1) << 12;
  UART_CLKDIV = (sixteenths >> 4 & 0xFFF) | (sixteenths & 0xF) << 20;
  UART_ID = UART_REG_UPDATE;
  while (UART_ID & UART_REG_UPDATE) {
  }
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
