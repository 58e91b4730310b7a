// <math.h>, but for the roots (softfloat.cpp).

#include <math.h>

#include <stdint.h>

double fabs(double x) { return __builtin_fabs(x); }
float fabsf(float x) { return __builtin_fabsf(x); }

static const double kNoFraction = 4503599627370496.0;  // 2^52: from here on all are whole

double floor(double x) {
  if (!(fabs(x) < kNoFraction)) {
    return x;
  }
  const double whole = (double)(int64_t)x;
  return __builtin_copysign(whole > x ? whole - 1 : whole, x);
}

double ceil(double x) { return -floor(-x); }
