// What an image says of itself: ESP-IDF's app descriptor, first in the image's first segment.
// Source: ESP-IDF, "App Image Format". `elf_sha256` is filled in when the image is made.
#pragma once

#include <stdint.h>

typedef struct {
  uint32_t magic, secure_version, reserved[2];
  char version[32], project_name[32], time[16], date[16], idf_version[32];
  uint8_t elf_sha256[32];
  uint32_t more[20];
} AppDescription;

#ifdef __cplusplus
extern "C" {
#endif

extern const volatile AppDescription app_description;

#ifdef __cplusplus
}
#endif
