// Floating point without a floating point unit: IEEE 754 single and double, round to nearest
// even, subnormals kept, one quiet NaN. No flags, no other roundings.
// Here and not from libgcc, because not every toolchain brings one for this chip.
// Source of the names: GCC internals, "Routines for floating point emulation".

#include <stdint.h>
#include <string.h>

namespace {

enum Kind { kZero, kFinite, kInfinite, kNan };

// A finite value is mantissa * 2^(exponent - 62); the mantissa's highest bit is bit 62.
struct Number {
  Kind kind;
  bool negative;
  int exponent;
  uint64_t mantissa;
};

const int kTop = 62;
const uint64_t kOne = 1;

template <class Float>
struct Format;

template <>
struct Format<float> {
  typedef uint32_t Bits;
  static const int kFraction = 23, kBias = 127, kMaxExponent = 255;
};

template <>
struct Format<double> {
  typedef uint64_t Bits;
  static const int kFraction = 52, kBias = 1023, kMaxExponent = 2047;
};

uint64_t shift_right_sticky(uint64_t value, int by) {
  if (by <= 0) {
    return value;
  }
  return by > 63 ? value != 0 : value >> by | ((value << (64 - by)) != 0);
}

// Makes bit 62 the highest one.
Number normalized(bool negative, int exponent, uint64_t mantissa) {
  if (!mantissa) {
    return {kZero, negative, 0, 0};
  }
  if (mantissa >> 63) {
    return {kFinite, negative, exponent + 1, shift_right_sticky(mantissa, 1)};
  }
  const int shift = __builtin_clzll(mantissa) - 1;
  return {kFinite, negative, exponent - shift, mantissa << shift};
}

template <class Float>
Number unpack(Float value) {
  typedef Format<Float> F;
  typename F::Bits bits;
  memcpy(&bits, &value, sizeof bits);
  const bool negative = bits >> (sizeof bits * 8 - 1);
  const int biased = static_cast<int>(bits >> F::kFraction) & F::kMaxExponent;
  const uint64_t fraction = bits & ((kOne << F::kFraction) - 1);
  if (biased == F::kMaxExponent) {
    return {fraction ? kNan : kInfinite, negative, 0, 0};
  }
  const uint64_t mantissa = biased ? fraction | kOne << F::kFraction : fraction;
  return normalized(negative, (biased ? biased : 1) - F::kBias, mantissa << (kTop - F::kFraction));
}

template <class Float>
Float from_bits(bool negative, uint64_t magnitude) {
  typedef typename Format<Float>::Bits Bits;
  const Bits bits = static_cast<Bits>(magnitude) | static_cast<Bits>(negative) << (sizeof(Bits) * 8 - 1);
  Float value;
  memcpy(&value, &bits, sizeof value);
  return value;
}

// Rounds to the format's precision. A carry out of the fraction grows the exponent by itself.
template <class Float>
Float pack_finite(const Number &number) {
  typedef Format<Float> F;
  const int extra = kTop - F::kFraction;
  int biased = number.exponent + F::kBias;
  uint64_t mantissa = number.mantissa;
  if (biased < 1) {
    mantissa = shift_right_sticky(mantissa, 1 - biased);
    biased = 1;
  }
  const uint64_t half = kOne << (extra - 1), below = mantissa & ((kOne << extra) - 1);
  mantissa >>= extra;
  mantissa += below > half || (below == half && (mantissa & 1));
  if (biased >= F::kMaxExponent) {
    return from_bits<Float>(number.negative, static_cast<uint64_t>(F::kMaxExponent) << F::kFraction);
  }
  return from_bits<Float>(number.negative, (static_cast<uint64_t>(biased - 1) << F::kFraction) + mantissa);
}

template <class Float>
Float pack(const Number &number) {
  typedef Format<Float> F;
  const uint64_t infinity = static_cast<uint64_t>(F::kMaxExponent) << F::kFraction;
  switch (number.kind) {
    case kZero: return from_bits<Float>(number.negative, 0);
    case kInfinite: return from_bits<Float>(number.negative, infinity);
    case kNan: return from_bits<Float>(false, infinity | kOne << (F::kFraction - 1));
    default: return pack_finite<Float>(number);
  }
}

const Number kNotANumber = {kNan, false, 0, 0};

// --- arithmetic ------------------------------------------------------------------------------

Number add_finite(Number a, Number b) {
  if (a.exponent < b.exponent || (a.exponent == b.exponent && a.mantissa < b.mantissa)) {
    const Number swap = a;
    a = b;
    b = swap;
  }
  const uint64_t smaller = shift_right_sticky(b.mantissa, a.exponent - b.exponent);
  if (a.negative == b.negative) {
    return normalized(a.negative, a.exponent, a.mantissa + smaller);
  }
  const uint64_t difference = a.mantissa - smaller;
  return normalized(difference ? a.negative : false, a.exponent, difference);
}

Number add(const Number &a, const Number &b) {
  if (a.kind == kNan || b.kind == kNan) {
    return kNotANumber;
  }
  if (a.kind == kInfinite || b.kind == kInfinite) {
    const bool opposed = a.kind == b.kind && a.negative != b.negative;
    return opposed ? kNotANumber : a.kind == kInfinite ? a : b;
  }
  if (a.kind == kZero && b.kind == kZero) {
    return {kZero, a.negative && b.negative, 0, 0};
  }
  return a.kind == kZero ? b : b.kind == kZero ? a : add_finite(a, b);
}

Number negated(Number number) {
  number.negative = !number.negative;
  return number;
}

// The product of two mantissas, in units of 2^62, what is below kept as a sticky bit.
uint64_t multiply_mantissas(uint64_t a, uint64_t b) {
  const uint64_t a_low = a & 0xFFFFFFFF, a_high = a >> 32, b_low = b & 0xFFFFFFFF, b_high = b >> 32;
  const uint64_t low = a_low * b_low, left = a_high * b_low, right = a_low * b_high;
  const uint64_t middle = (low >> 32) + (left & 0xFFFFFFFF) + (right & 0xFFFFFFFF);
  const uint64_t high = a_high * b_high + (left >> 32) + (right >> 32) + (middle >> 32);
  const uint64_t rest = middle << 32 | (low & 0xFFFFFFFF);
  return high << 2 | rest >> 62 | ((rest << 2) != 0);
}

Number multiply(const Number &a, const Number &b) {
  const bool negative = a.negative != b.negative;
  const bool zero = a.kind == kZero || b.kind == kZero;
  const bool infinite = a.kind == kInfinite || b.kind == kInfinite;
  if (a.kind == kNan || b.kind == kNan || (zero && infinite)) {
    return kNotANumber;
  }
  if (zero || infinite) {
    return {zero ? kZero : kInfinite, negative, 0, 0};
  }
  return normalized(negative, a.exponent + b.exponent, multiply_mantissas(a.mantissa, b.mantissa));
}

// Bit by bit; 56 bits are a double's 53, two to round by, and the sticky one.
Number divide_finite(const Number &a, const Number &b) {
  const int bits = 56;
  uint64_t rest = a.mantissa, quotient = 0;
  for (int i = 0; i < bits; ++i) {
    quotient <<= 1;
    if (rest >= b.mantissa) {
      rest -= b.mantissa;
      quotient |= 1;
    }
    rest <<= 1;
  }
  const uint64_t mantissa = quotient << (kTop - bits + 1) | (rest != 0);
  return normalized(a.negative != b.negative, a.exponent - b.exponent, mantissa);
}

Number divide(const Number &a, const Number &b) {
  const bool negative = a.negative != b.negative;
  if (a.kind == kNan || b.kind == kNan || (a.kind == b.kind && a.kind != kFinite)) {
    return kNotANumber;
  }
  if (a.kind == kInfinite || b.kind == kZero) {
    return {kInfinite, negative, 0, 0};
  }
  if (a.kind == kZero || b.kind == kInfinite) {
    return {kZero, negative, 0, 0};
  }
  return divide_finite(a, b);
}

// --- comparison ------------------------------------------------------------------------------

int compare_magnitudes(const Number &a, const Number &b) {
  if (a.kind != b.kind) {
    return a.kind < b.kind ? -1 : 1;
  }
  if (a.exponent != b.exponent) {
    return a.exponent < b.exponent ? -1 : 1;
  }
  return a.mantissa == b.mantissa ? 0 : a.mantissa < b.mantissa ? -1 : 1;
}

// -1, 0 or 1; `unordered` where one is not a number.
template <class Float>
int compare(Float left, Float right, int unordered) {
  const Number a = unpack(left), b = unpack(right);
  if (a.kind == kNan || b.kind == kNan) {
    return unordered;
  }
  if (a.kind == kZero && b.kind == kZero) {
    return 0;
  }
  if (a.negative != b.negative) {
    return a.negative ? -1 : 1;
  }
  const int order = compare_magnitudes(a, b);
  return a.negative ? -order : order;
}

// --- conversion ------------------------------------------------------------------------------

template <class Float, class Whole>
Float from_whole(Whole value) {
  const bool negative = value < 0;
  uint64_t magnitude = static_cast<uint64_t>(value);
  magnitude = negative ? 0 - magnitude : magnitude;
  return pack<Float>(normalized(negative, kTop, magnitude));
}

// Towards zero. Outside the range of the result the C language promises nothing; this holds it
// at the nearest one, as RISC-V's own instructions do.
template <class Whole, class Float>
Whole to_whole(Float from) {
  const bool is_signed = static_cast<Whole>(-1) < 0;
  const int bits = sizeof(Whole) * 8 - is_signed;
  const Number number = unpack(from);
  const uint64_t limit = (kOne << (bits - 1) << 1) - 1;
  if (number.kind == kZero || (number.kind == kFinite && number.exponent < 0)) {
    return 0;
  }
  const bool negative = number.negative && number.kind != kNan;
  if (number.kind != kFinite || number.exponent >= bits) {
    return static_cast<Whole>(negative ? (is_signed ? limit + 1 : 0) : limit);
  }
  const uint64_t magnitude = number.exponent > kTop ? number.mantissa << 1
                                                    : number.mantissa >> (kTop - number.exponent);
  return static_cast<Whole>(negative ? (is_signed ? 0 - magnitude : 0) : magnitude);
}

// The root, bit by bit: two bits of the radicand give one of the result.
Number root_finite(const Number &number) {
  const int bits = 56;
  const bool odd = number.exponent & 1;
  const uint64_t radicand = number.mantissa << odd;
  uint64_t rest = 0, root = 0;
  for (int i = 0; i < bits; ++i) {
    rest = rest << 2 | (i < 32 ? radicand >> (62 - 2 * i) & 3 : 0);
    const uint64_t trial = root << 2 | 1;
    root <<= 1;
    if (rest >= trial) {
      rest -= trial;
      root |= 1;
    }
  }
  const int exponent = (number.exponent - odd) / 2;
  return {kFinite, false, exponent, root << (kTop - bits + 1) | (rest != 0)};
}

template <class Float>
Float root(Float value) {
  const Number number = unpack(value);
  if (number.kind == kZero || number.kind == kNan || (number.kind == kInfinite && !number.negative)) {
    return value;
  }
  return pack<Float>(number.negative ? kNotANumber : root_finite(number));
}

}  // namespace

extern "C" {

double __adddf3(double a, double b) { return pack<double>(add(unpack(a), unpack(b))); }
double __subdf3(double a, double b) { return pack<double>(add(unpack(a), negated(unpack(b)))); }
double __muldf3(double a, double b) { return pack<double>(multiply(unpack(a), unpack(b))); }
double __divdf3(double a, double b) { return pack<double>(divide(unpack(a), unpack(b))); }
float __addsf3(float a, float b) { return pack<float>(add(unpack(a), unpack(b))); }
float __subsf3(float a, float b) { return pack<float>(add(unpack(a), negated(unpack(b)))); }
float __mulsf3(float a, float b) { return pack<float>(multiply(unpack(a), unpack(b))); }
float __divsf3(float a, float b) { return pack<float>(divide(unpack(a), unpack(b))); }

int __eqdf2(double a, double b) { return compare(a, b, 1); }
int __nedf2(double a, double b) { return compare(a, b, 1); }
int __ltdf2(double a, double b) { return compare(a, b, 1); }
int __ledf2(double a, double b) { return compare(a, b, 1); }
int __gtdf2(double a, double b) { return compare(a, b, -1); }
int __gedf2(double a, double b) { return compare(a, b, -1); }
int __unorddf2(double a, double b) { return unpack(a).kind == kNan || unpack(b).kind == kNan; }
int __eqsf2(float a, float b) { return compare(a, b, 1); }
int __nesf2(float a, float b) { return compare(a, b, 1); }
int __ltsf2(float a, float b) { return compare(a, b, 1); }
int __lesf2(float a, float b) { return compare(a, b, 1); }
int __gtsf2(float a, float b) { return compare(a, b, -1); }
int __gesf2(float a, float b) { return compare(a, b, -1); }
int __unordsf2(float a, float b) { return unpack(a).kind == kNan || unpack(b).kind == kNan; }

double __floatsidf(int32_t value) { return from_whole<double>(value); }
double __floatunsidf(uint32_t value) { return from_whole<double>(value); }
double __floatdidf(int64_t value) { return from_whole<double>(value); }
double __floatundidf(uint64_t value) { return from_whole<double>(value); }
float __floatsisf(int32_t value) { return from_whole<float>(value); }
float __floatunsisf(uint32_t value) { return from_whole<float>(value); }
float __floatdisf(int64_t value) { return from_whole<float>(value); }
float __floatundisf(uint64_t value) { return from_whole<float>(value); }

int32_t __fixdfsi(double value) { return to_whole<int32_t>(value); }
uint32_t __fixunsdfsi(double value) { return to_whole<uint32_t>(value); }
int64_t __fixdfdi(double value) { return to_whole<int64_t>(value); }
uint64_t __fixunsdfdi(double value) { return to_whole<uint64_t>(value); }
int32_t __fixsfsi(float value) { return to_whole<int32_t>(value); }
uint32_t __fixunssfsi(float value) { return to_whole<uint32_t>(value); }
int64_t __fixsfdi(float value) { return to_whole<int64_t>(value); }
uint64_t __fixunssfdi(float value) { return to_whole<uint64_t>(value); }

double __extendsfdf2(float value) { return pack<double>(unpack(value)); }
float __truncdfsf2(double value) { return pack<float>(unpack(value)); }

double sqrt(double value) { return root(value); }
float sqrtf(float value) { return root(value); }
}
