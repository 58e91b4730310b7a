#pragma once

#include <stdint.h>

// Call often: toggles the LED twice a second.
void blink(uint32_t now_ms);
