// What a crash prints: the reason, the registers and the stack, in the form of ESP-IDF's handler
// for RISC-V, which tools know how to decode; then the chip is reset.
#pragma once

#ifdef __cplusplus
extern "C" {
#endif

// From now on a trap is reported. Before, it ends in the ROM.
void panic_init(void);

// Prints a line of its own before the report.
void panic_say(const char *line);

// Reports that `what` was called from `where`, and does not return.
void panic_abort(const char *what, const void *where) __attribute__((noreturn));

#ifdef __cplusplus
}
#endif
