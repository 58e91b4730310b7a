// The few functions that need no tables.
#pragma once

#define NAN (__builtin_nanf(""))
#define INFINITY (__builtin_inff())
#define isnan(x) __builtin_isnan(x)
#define isinf(x) __builtin_isinf(x)
#define M_PI 3.14159265358979323846

#ifdef __cplusplus
extern "C" {
#endif

double fabs(double x);
float fabsf(float x);
double floor(double x);
double ceil(double x);
double sqrt(double x);
float sqrtf(float x);

#ifdef __cplusplus
}
#endif
