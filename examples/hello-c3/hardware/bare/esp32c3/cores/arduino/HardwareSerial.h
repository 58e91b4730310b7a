// Serial: UART0, by polling. There is no buffer but the hardware's: 128 bytes each way.
#pragma once

#include "Print.h"

class HardwareSerial : public Print {
 public:
  // Sets the rate. What was written before is sent first, at the old one.
  void begin(unsigned long baud);
  void end() { flush(); }

  // How many bytes wait to be read.
  int available();
  // The next byte, or -1.
  int read();
  // The next byte without taking it, or -1.
  int peek();
  // How many bytes can be written without waiting.
  int availableForWrite();

  using Print::write;
  // Waits for room, then sends.
  size_t write(uint8_t value) override;
  // Waits until the hardware has taken the last byte from its buffer.
  void flush() override;

  explicit operator bool() const { return true; }

 private:
  int peeked_ = -1;
};

extern HardwareSerial Serial;
