// The Arduino language, as far as this core has it.
#pragma once

#include <ctype.h>
#include <math.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HIGH 0x1
#define LOW 0x0

#define INPUT 0x0
#define OUTPUT 0x1
#define INPUT_PULLUP 0x2
#define INPUT_PULLDOWN 0x3

#define DEC 10
#define HEX 16
#define OCT 8
#define BIN 2

#define PI 3.1415926535897932384626433832795
#define HALF_PI 1.5707963267948966192313216916398
#define TWO_PI 6.283185307179586476925286766559
#define DEG_TO_RAD 0.017453292519943295769236907684886
#define RAD_TO_DEG 57.295779513082320876798154814105

#define PROGMEM
#define F(text) (text)

#define constrain(value, low, high) \
  ((value) < (low) ? (low) : ((value) > (high) ? (high) : (value)))
#define round(value) ((long)((value) >= 0 ? (value) + 0.5 : (value)-0.5))
#define radians(degrees) ((degrees)*DEG_TO_RAD)
#define degrees(radians) ((radians)*RAD_TO_DEG)
#define sq(value) ((value) * (value))
#define lowByte(value) ((uint8_t)((value)&0xff))
#define highByte(value) ((uint8_t)((value) >> 8))
#define bit(n) (1UL << (n))
#define bitRead(value, n) (((value) >> (n)) & 1)
#define bitSet(value, n) ((value) |= bit(n))
#define bitClear(value, n) ((value) &= ~bit(n))
#define bitWrite(value, n, to) ((to) ? bitSet(value, n) : bitClear(value, n))

typedef bool boolean;
typedef uint8_t byte;
typedef uint16_t word;

#ifdef __cplusplus
extern "C" {
#endif

void pinMode(uint8_t pin, uint8_t mode);
void digitalWrite(uint8_t pin, uint8_t value);
int digitalRead(uint8_t pin);

unsigned long millis(void);
unsigned long micros(void);
void delay(unsigned long ms);
void delayMicroseconds(unsigned int us);

void setup(void);
void loop(void);

#ifdef __cplusplus
}

template <class A, class B>
constexpr auto min(A a, B b) -> decltype(a < b ? a : b) {
  return a < b ? a : b;
}

template <class A, class B>
constexpr auto max(A a, B b) -> decltype(a > b ? a : b) {
  return a > b ? a : b;
}

template <class A>
constexpr A abs(A value) {
  return value < 0 ? -value : value;
}

inline void yield() {}

constexpr long map(long value, long from_low, long from_high, long to_low, long to_high) {
  return (value - from_low) * (to_high - to_low) / (from_high - from_low) + to_low;
}

long random(long limit);
long random(long low, long limit);
void randomSeed(unsigned long seed);

#include "HardwareSerial.h"
#else
#define min(a, b) ((a) < (b) ? (a) : (b))
#define max(a, b) ((a) > (b) ? (a) : (b))
#endif

#include "pins_arduino.h"
