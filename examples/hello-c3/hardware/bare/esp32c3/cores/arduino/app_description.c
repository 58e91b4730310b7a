// No time and no date: the same sources make the same image.

#include "app_description.h"

_Static_assert(sizeof(AppDescription) == 256, "the format has this size");

__attribute__((section(".app_description"), used)) const volatile AppDescription app_description = {
    .magic = 0xABCD5432u,
    .version = "0.1.0",
    .project_name = "bare",
};
