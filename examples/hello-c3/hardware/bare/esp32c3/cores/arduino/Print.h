// Print: text out of numbers, on anything that can write a byte.
#pragma once

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

class Print;

class Printable {
 public:
  virtual size_t printTo(Print &to) const = 0;
};

class Print {
 public:
  virtual size_t write(uint8_t value) = 0;
  virtual size_t write(const uint8_t *data, size_t size);
  virtual void flush() {}
  size_t write(const char *text);
  size_t write(const char *data, size_t size);

  // Every print returns how many bytes it wrote. `base` is 2 to 36; a negative number has its
  // sign only in base 10, as elsewhere in Arduino.
  size_t print(const char *text) { return write(text); }
  size_t print(char value) { return write(static_cast<uint8_t>(value)); }
  size_t print(unsigned char value, int base = 10) { return number(value, base); }
  size_t print(int value, int base = 10) { return print(static_cast<long>(value), base); }
  size_t print(unsigned int value, int base = 10) { return number(value, base); }
  size_t print(long value, int base = 10);
  size_t print(unsigned long value, int base = 10) { return number(value, base); }
  size_t print(long long value, int base = 10);
  size_t print(unsigned long long value, int base = 10) { return number(value, base); }
  size_t print(double value, int digits = 2);
  size_t print(const Printable &value) { return value.printTo(*this); }

  size_t println() { return write("\r\n", 2); }
  template <class Value>
  size_t println(const Value &value) {
    const size_t count = print(value);
    return count + println();
  }
  template <class Value>
  size_t println(const Value &value, int format) {
    const size_t count = print(value, format);
    return count + println();
  }

  // As in <stdio.h>; floats included. The text may be of any length.
  size_t printf(const char *format, ...) __attribute__((format(printf, 2, 3)));
  size_t vprintf(const char *format, va_list values);

 private:
  size_t number(unsigned long long value, int base);
};
