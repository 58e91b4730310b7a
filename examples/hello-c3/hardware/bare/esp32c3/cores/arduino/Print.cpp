#include "Print.h"

#include <string.h>

#include "runtime/format.h"

namespace {
void put(void *print, char value) { static_cast<Print *>(print)->write(static_cast<uint8_t>(value)); }
}  // namespace

size_t Print::write(const uint8_t *data, size_t size) {
  for (size_t i = 0; i < size; ++i) {
    write(data[i]);
  }
  return size;
}

size_t Print::write(const char *text) { return text ? write(text, strlen(text)) : 0; }

size_t Print::write(const char *data, size_t size) {
  return write(reinterpret_cast<const uint8_t *>(data), size);
}

size_t Print::number(unsigned long long value, int base) {
  char text[FORMAT_NUMBER_SIZE];
  return write(format_number(text, value, base < 2 || base > 36 ? 10 : base, true));
}

size_t Print::print(long value, int base) { return print(static_cast<long long>(value), base); }

size_t Print::print(long long value, int base) {
  if (base != 10 && value < 0 && value >= INT32_MIN) {
    return number(static_cast<uint32_t>(value), base);
  }
  if (base == 10 && value < 0) {
    return print('-') + number(0 - static_cast<unsigned long long>(value), base);
  }
  return number(static_cast<unsigned long long>(value), base);
}

size_t Print::print(double value, int digits) { return printf("%.*f", digits, value); }

size_t Print::printf(const char *format, ...) {
  va_list values;
  va_start(values, format);
  const size_t count = vprintf(format, values);
  va_end(values);
  return count;
}

size_t Print::vprintf(const char *format, va_list values) {
  return format_text(put, this, format, values);
}
