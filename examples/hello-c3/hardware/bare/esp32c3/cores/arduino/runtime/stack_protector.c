// What -fstack-protector calls (add it to build_flags; it is off in platform.txt).

#include <stdint.h>

#include "../panic.h"

uintptr_t __stack_chk_guard = 0x0A0D00FFu;  // bytes that string functions stop at or do not write

void __stack_chk_fail(void) __attribute__((noreturn));

void __stack_chk_fail(void) {
  panic_say("Stack smashing protect failure!");
  panic_abort("abort()", __builtin_return_address(0));
}
