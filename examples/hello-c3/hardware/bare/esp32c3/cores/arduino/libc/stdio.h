// Formatted text into memory. There are no files here: a sketch prints with Serial.
#pragma once

#include <stdarg.h>
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

// %d %i %u %x %X %o %c %s %p %f %%, with flags "-0+ #", width, precision, h l ll z.
int snprintf(char *to, size_t size, const char *format, ...) __attribute__((format(printf, 3, 4)));
int sprintf(char *to, const char *format, ...) __attribute__((format(printf, 2, 3)));
int vsnprintf(char *to, size_t size, const char *format, va_list values);

#ifdef __cplusplus
}
#endif
