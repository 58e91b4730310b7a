// printf without a file: formatted text, byte by byte.
#pragma once

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

// 64 binary digits and the end.
#define FORMAT_NUMBER_SIZE 65

// Writes `value` in `base` (2 to 36) somewhere into `text`; returns where it begins.
char *format_number(char text[FORMAT_NUMBER_SIZE], unsigned long long value, int base, bool upper);

// Gives each character to `put`; returns how many there were. What it understands: stdio.h.
size_t format_text(void (*put)(void *sink, char value), void *sink, const char *format,
                   va_list values);

#ifdef __cplusplus
}
#endif
