// Pins of a bare ESP32-C3 development board. A pin's number is its GPIO number.
#pragma once

#include <stdint.h>

#define NUM_DIGITAL_PINS 22

static const uint8_t LED_BUILTIN = 8;
static const uint8_t TX = 21;
static const uint8_t RX = 20;

static const uint8_t SDA = 4;
static const uint8_t SCL = 5;

static const uint8_t A0 = 0;
static const uint8_t A1 = 1;
static const uint8_t A2 = 2;
static const uint8_t A3 = 3;
static const uint8_t A4 = 4;
