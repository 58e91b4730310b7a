// printf's formats. Floating point is turned into decimals with whole numbers only, exactly:
// the digits of a double are those of its binary fraction, rounded half to even at the end.

#include "format.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

namespace {

const int kMaxDecimals = 40;

struct Spec {
  bool left, plus, space, zero, alternate;
  int width;
  int precision;  // -1: not given
  int length;     // -2 hh, -1 h, 0 int, 1 long, 2 long long
  char kind;
};

class Formatter {
 public:
  Formatter(void (*put)(void *, char), void *sink) : put_(put), sink_(sink) {}

  void put(char value) {
    put_(sink_, value);
    ++count_;
  }

  // Puts sign or prefix, then the body, padded to the width.
  void field(const Spec &spec, const char *prefix, const char *body, size_t size) {
    const int used = static_cast<int>(strlen(prefix) + size);
    const int padding = spec.width > used ? spec.width - used : 0;
    if (!spec.left && !spec.zero) {
      repeat(' ', padding);
    }
    text(prefix, strlen(prefix));
    if (!spec.left && spec.zero) {
      repeat('0', padding);
    }
    text(body, size);
    if (spec.left) {
      repeat(' ', padding);
    }
  }

  size_t count() const { return count_; }

 private:
  void repeat(char value, int times) {
    for (; times > 0; --times) {
      put(value);
    }
  }

  void text(const char *from, size_t size) {
    for (size_t i = 0; i < size; ++i) {
      put(from[i]);
    }
  }

  void (*put_)(void *, char);
  void *sink_;
  size_t count_ = 0;
};

const char *sign_of(const Spec &spec, bool negative) {
  return negative ? "-" : spec.plus ? "+" : spec.space ? " " : "";
}

// --- whole numbers ---------------------------------------------------------------------------

void put_whole(Formatter &out, Spec spec, const char *prefix, unsigned long long value, int base) {
  char text[FORMAT_NUMBER_SIZE + kMaxDecimals];
  char *begin = format_number(text + kMaxDecimals, value, base, spec.kind == 'X');
  int size = static_cast<int>(strlen(begin));
  if (spec.precision >= 0) {
    spec.zero = false;
    while (size < spec.precision && begin > text) {
      *--begin = '0';
      ++size;
    }
  }
  out.field(spec, prefix, begin, static_cast<size_t>(size));
}

long long signed_argument(const Spec &spec, va_list *values) {
  const long long value = spec.length == 2   ? va_arg(*values, long long)
                          : spec.length == 1 ? va_arg(*values, long)
                                             : va_arg(*values, int);
  return spec.length == -2   ? static_cast<signed char>(value)
         : spec.length == -1 ? static_cast<short>(value)
                             : value;
}

unsigned long long unsigned_argument(const Spec &spec, va_list *values) {
  const unsigned long long value = spec.length == 2   ? va_arg(*values, unsigned long long)
                                   : spec.length == 1 ? va_arg(*values, unsigned long)
                                                      : va_arg(*values, unsigned int);
  return spec.length == -2   ? static_cast<unsigned char>(value)
         : spec.length == -1 ? static_cast<unsigned short>(value)
                             : value;
}

void put_signed(Formatter &out, const Spec &spec, va_list *values) {
  const long long value = signed_argument(spec, values);
  const auto magnitude = static_cast<unsigned long long>(value);
  put_whole(out, spec, sign_of(spec, value < 0), value < 0 ? 0 - magnitude : magnitude, 10);
}

void put_unsigned(Formatter &out, const Spec &spec, va_list *values) {
  const unsigned long long value = unsigned_argument(spec, values);
  const bool hex = spec.kind == 'x' || spec.kind == 'X';
  const char *prefix = !spec.alternate || !value ? "" : hex ? (spec.kind == 'x' ? "0x" : "0X") : "";
  put_whole(out, spec, prefix, value, hex ? 16 : spec.kind == 'o' ? 8 : 10);
}

// --- floating point --------------------------------------------------------------------------

// A double's magnitude below 2^64 as whole part and binary fraction (in 2^-64).
struct Fixed {
  uint64_t whole, fraction;
};

// `exponent`: the value is mantissa * 2^exponent.
Fixed to_fixed(uint64_t mantissa, int exponent) {
  if (exponent >= 0) {
    return {mantissa << exponent, 0};
  }
  if (exponent > -64) {
    return {mantissa >> -exponent, mantissa << (64 + exponent)};
  }
  return {0, exponent > -128 ? mantissa >> (-exponent - 64) : 0};
}

// Takes the next decimal digit out of the fraction.
char next_digit(uint64_t *fraction) {
  const uint64_t low = (*fraction & 0xFFFFFFFF) * 10;
  const uint64_t high = (*fraction >> 32) * 10 + (low >> 32);
  *fraction = high << 32 | (low & 0xFFFFFFFF);
  return static_cast<char>('0' + (high >> 32));
}

// Adds one to the last of the digits; true: it carried out of the first.
bool increment(char *digits, int count) {
  for (int i = count - 1; i >= 0; --i) {
    if (digits[i] != '9') {
      ++digits[i];
      return false;
    }
    digits[i] = '0';
  }
  return true;
}

// Writes ".ddd" for the fraction, rounded; true: the whole part grows by one.
bool put_decimals(char *to, uint64_t fraction, int decimals, bool odd) {
  const uint64_t half = static_cast<uint64_t>(1) << 63;
  for (int i = 0; i < decimals; ++i) {
    to[i] = next_digit(&fraction);
  }
  if (decimals > 0) {
    odd = (to[decimals - 1] - '0') & 1;
  }
  if (fraction > half || (fraction == half && odd)) {
    return increment(to, decimals);
  }
  return false;
}

void put_fixed(Formatter &out, const Spec &spec, const char *sign, Fixed value) {
  int decimals = spec.precision < 0 ? 6 : spec.precision;
  decimals = decimals > kMaxDecimals ? kMaxDecimals : decimals;
  char fraction[kMaxDecimals];
  value.whole += put_decimals(fraction, value.fraction, decimals, value.whole & 1);
  char text[FORMAT_NUMBER_SIZE + 1 + kMaxDecimals];
  const char *begin = format_number(text, value.whole, 10, false);
  char *end = text + FORMAT_NUMBER_SIZE - 1;
  if (decimals > 0 || spec.alternate) {
    *end++ = '.';
  }
  memcpy(end, fraction, static_cast<size_t>(decimals));
  out.field(spec, sign, begin, static_cast<size_t>(end + decimals - begin));
}

void put_float(Formatter &out, Spec spec, double value) {
  uint64_t bits;
  memcpy(&bits, &value, sizeof bits);
  const int biased = static_cast<int>(bits >> 52 & 0x7FF);
  const uint64_t fraction = bits & ((static_cast<uint64_t>(1) << 52) - 1);
  const char *sign = sign_of(spec, bits >> 63);
  const int exponent = (biased ? biased : 1) - 1075;
  if (exponent > 11) {  // 2^64 and above, as elsewhere in Arduino
    spec.zero = false;
    const char *name = biased != 0x7FF ? "ovf" : fraction ? "nan" : "inf";
    out.field(spec, sign, name, 3);
    return;
  }
  const uint64_t mantissa = biased ? fraction | static_cast<uint64_t>(1) << 52 : fraction;
  put_fixed(out, spec, sign, to_fixed(mantissa, exponent));
}

// --- the format string -----------------------------------------------------------------------

bool read_flag(Spec *spec, char flag) {
  switch (flag) {
    case '-': spec->left = true; return true;
    case '+': spec->plus = true; return true;
    case ' ': spec->space = true; return true;
    case '0': spec->zero = true; return true;
    case '#': spec->alternate = true; return true;
    default: return false;
  }
}

int read_number(const char **format, va_list *values) {
  if (**format == '*') {
    ++*format;
    return va_arg(*values, int);
  }
  int number = 0;
  for (; **format >= '0' && **format <= '9'; ++*format) {
    number = number * 10 + (**format - '0');
  }
  return number;
}

int read_length(const char **format) {
  int length = 0;
  for (;; ++*format) {
    switch (**format) {
      case 'h': --length; break;
      case 'l': ++length; break;
      case 'j': length = 2; break;
      case 'z': case 't': break;
      default: return length;
    }
  }
}

Spec read_spec(const char **format, va_list *values) {
  Spec spec = {false, false, false, false, false, 0, -1, 0, '\0'};
  while (read_flag(&spec, **format)) {
    ++*format;
  }
  spec.width = read_number(format, values);
  if (spec.width < 0) {
    spec.left = true;
    spec.width = -spec.width;
  }
  if (**format == '.') {
    ++*format;
    spec.precision = read_number(format, values);
  }
  spec.length = read_length(format);
  spec.kind = **format;
  return spec;
}

void put_string(Formatter &out, Spec spec, const char *text) {
  text = text ? text : "(null)";
  size_t size = 0;
  while ((spec.precision < 0 || size < static_cast<size_t>(spec.precision)) && text[size]) {
    ++size;
  }
  spec.zero = false;
  out.field(spec, "", text, size);
}

void put_value(Formatter &out, const Spec &spec, va_list *values) {
  switch (spec.kind) {
    case 'd': case 'i': put_signed(out, spec, values); break;
    case 'u': case 'x': case 'X': case 'o': put_unsigned(out, spec, values); break;
    case 'f': case 'F': put_float(out, spec, va_arg(*values, double)); break;
    case 's': put_string(out, spec, va_arg(*values, const char *)); break;
    case 'c': {
      const char value = static_cast<char>(va_arg(*values, int));
      out.field(spec, "", &value, 1);
      break;
    }
    case 'p':
      put_whole(out, spec, "0x", reinterpret_cast<uintptr_t>(va_arg(*values, void *)), 16);
      break;
    default:  // %% and what is unknown here: as it stands
      out.put(spec.kind);
  }
}

struct Buffer {
  char *to;
  size_t room;  // without the end
};

void put_buffer(void *sink, char value) {
  Buffer *buffer = static_cast<Buffer *>(sink);
  if (buffer->room) {
    *buffer->to++ = value;
    --buffer->room;
  }
}

}  // namespace

char *format_number(char text[FORMAT_NUMBER_SIZE], unsigned long long value, int base, bool upper) {
  char *at = text + FORMAT_NUMBER_SIZE - 1;
  *at = '\0';
  do {
    const int digit = static_cast<int>(value % static_cast<unsigned>(base));
    *--at = static_cast<char>(digit < 10 ? '0' + digit : (upper ? 'A' : 'a') + digit - 10);
    value /= static_cast<unsigned>(base);
  } while (value);
  return at;
}

size_t format_text(void (*put)(void *, char), void *sink, const char *format, va_list values) {
  Formatter out(put, sink);
  va_list arguments;
  va_copy(arguments, values);
  for (; *format; ++format) {
    if (*format != '%') {
      out.put(*format);
      continue;
    }
    ++format;
    const Spec spec = read_spec(&format, &arguments);
    if (!*format) {
      break;
    }
    put_value(out, spec, &arguments);
  }
  va_end(arguments);
  return out.count();
}

extern "C" int vsnprintf(char *to, size_t size, const char *format, va_list values) {
  Buffer buffer = {to, size ? size - 1 : 0};
  const size_t count = format_text(put_buffer, &buffer, format, values);
  if (size) {
    *buffer.to = '\0';
  }
  return static_cast<int>(count);
}

extern "C" int snprintf(char *to, size_t size, const char *format, ...) {
  va_list values;
  va_start(values, format);
  const int count = vsnprintf(to, size, format, values);
  va_end(values);
  return count;
}

extern "C" int sprintf(char *to, const char *format, ...) {
  va_list values;
  va_start(values, format);
  const int count = vsnprintf(to, static_cast<size_t>(-1) >> 1, format, values);
  va_end(values);
  return count;
}
