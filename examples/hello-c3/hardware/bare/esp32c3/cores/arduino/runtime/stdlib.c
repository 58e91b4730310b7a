// Numbers from text, random numbers, abort().

#include <stdlib.h>

#include <ctype.h>
#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

#include "../panic.h"

int abs(int value) { return value < 0 ? -value : value; }
long labs(long value) { return value < 0 ? -value : value; }
int atoi(const char *text) { return (int)strtol(text, NULL, 10); }
long atol(const char *text) { return strtol(text, NULL, 10); }

static int digit_of(char c) {
  return isdigit(c) ? c - '0' : isalpha(c) ? tolower(c) - 'a' + 10 : INT_MAX;
}

static const char *skip_sign(const char *text, bool *negative) {
  while (isspace(*text)) {
    ++text;
  }
  *negative = *text == '-';
  return *text == '-' || *text == '+' ? text + 1 : text;
}

static const char *skip_prefix(const char *text, int *base) {
  const bool hex = text[0] == '0' && tolower(text[1]) == 'x' && isxdigit(text[2]);
  if (hex && (*base == 0 || *base == 16)) {
    *base = 16;
    return text + 2;
  }
  if (*base == 0) {
    *base = *text == '0' ? 8 : 10;
  }
  return text;
}

// The magnitude, held at `limit` where the text has more.
static unsigned long magnitude(const char *text, const char **end, int base, unsigned long limit) {
  uint64_t value = 0;
  const char *at = text;
  for (; digit_of(*at) < base; ++at) {
    value = value * (unsigned)base + (unsigned)digit_of(*at);
    value = value > limit ? (uint64_t)limit : value;
  }
  *end = at;
  return (unsigned long)value;
}

static unsigned long parse(const char *text, char **end, int base, bool *negative, bool is_signed) {
  const char *digits = skip_prefix(skip_sign(text, negative), &base);
  const unsigned long limit = !is_signed ? ULONG_MAX : (unsigned long)LONG_MAX + *negative;
  const char *stop;
  const unsigned long value = magnitude(digits, &stop, base, limit);
  if (end) {
    *end = (char *)(stop == digits ? text : stop);
  }
  return value;
}

long strtol(const char *text, char **end, int base) {
  bool negative;
  const unsigned long value = parse(text, end, base, &negative, true);
  return (long)(negative ? 0 - value : value);
}

unsigned long strtoul(const char *text, char **end, int base) {
  bool negative;
  const unsigned long value = parse(text, end, base, &negative, false);
  return negative ? 0 - value : value;
}

double atof(const char *text) {
  bool negative;
  double value = 0, scale = 1;
  text = skip_sign(text, &negative);
  for (; isdigit(*text); ++text) {
    value = value * 10 + (*text - '0');
  }
  if (*text == '.') {
    for (++text; isdigit(*text); ++text) {
      value = value * 10 + (*text - '0');
      scale *= 10;
    }
  }
  return negative ? -value / scale : value / scale;
}

// xorshift32 (Marsaglia, "Xorshift RNGs", 2003); never 0.
static uint32_t random_state = 2463534242u;

int rand(void) {
  random_state ^= random_state << 13;
  random_state ^= random_state >> 17;
  random_state ^= random_state << 5;
  return (int)(random_state & RAND_MAX);
}

void srand(unsigned int seed) { random_state = seed ? seed : 1; }

void abort(void) {
  panic_abort("abort()", __builtin_return_address(0));
}
