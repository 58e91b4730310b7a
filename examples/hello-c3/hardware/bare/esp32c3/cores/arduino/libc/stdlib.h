// Numbers, random numbers and the heap, as in ISO C.
#pragma once

#include <stddef.h>

#define RAND_MAX 0x7FFFFFFF

#ifdef __cplusplus
extern "C" {
#endif

int abs(int value);
long labs(long value);
int atoi(const char *text);
long atol(const char *text);
double atof(const char *text);
long strtol(const char *text, char **end, int base);
unsigned long strtoul(const char *text, char **end, int base);

int rand(void);
void srand(unsigned int seed);

void *malloc(size_t size);
void *calloc(size_t count, size_t size);
void *realloc(void *block, size_t size);
void free(void *block);

void abort(void) __attribute__((noreturn));

#ifdef __cplusplus
}
#endif
