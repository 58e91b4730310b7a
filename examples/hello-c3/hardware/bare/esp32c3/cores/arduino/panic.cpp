#include "panic.h"

#include "app_description.h"
#include "soc.h"

extern "C" {
extern const char trap_vector[];
extern const char _stack_top[];
// Kept by trap.S: pc in the place of x0, then x1 to x31.
uint32_t panic_registers[32];
void panic_report() __attribute__((noreturn, used));
}

namespace {

const uint32_t kStackBytes = 1024;
const uint32_t kWordsInLine = 8;
const uint32_t kDigestBytes = 8;
const uint32_t kSent = 16u;  // UART_STATUS: where the number of bytes to send begins

// What abort() said of itself; else a trap speaks for itself.
const char *aborted = nullptr;
uint32_t aborted_at = 0;
bool reporting = false;

void say(const char *text) {
  for (; *text; ++text) {
    if (*text == '\n') {
      ROM_UART_TX('\r');
    }
    ROM_UART_TX(static_cast<uint8_t>(*text));
  }
}

void say_digits(uint32_t value, int digits) {
  for (int shift = 4 * (digits - 1); shift >= 0; shift -= 4) {
    ROM_UART_TX(static_cast<uint8_t>("0123456789abcdef"[value >> shift & 15]));
  }
}

void say_word(uint32_t value) {
  say("0x");
  say_digits(value, 8);
}

#define READ_CSR(name)                          \
  ([] {                                         \
    uint32_t value;                             \
    __asm__ volatile("csrr %0, " name : "=r"(value)); \
    return value;                               \
  }())

// By mcause (RISC-V, volume II, "Machine Cause"); there is no 9 and no 10 on this chip.
const char *const kReasons[] = {
    "Instruction address misaligned", "Instruction access fault", "Illegal instruction",
    "Breakpoint", "Load address misaligned", "Load access fault", "Store address misaligned",
    "Store access fault", "Environment call", "", "", "Environment call"};

void say_reason() {
  if (aborted) {
    say("\n");
    say(aborted);
    say(" was called at PC ");
    say_word(aborted_at);
    say(" on core 0\n");
    return;
  }
  const uint32_t cause = READ_CSR("mcause");
  say("\nGuru Meditation Error: Core  0 panic'ed (");
  say(cause < sizeof kReasons / sizeof *kReasons ? kReasons[cause] : "Unknown reason");
  say("). Exception was unhandled.\n");
}

void say_registers() {
  static const char names[][9] = {
      "MEPC    ", "RA      ", "SP      ", "GP      ", "TP      ", "T0      ", "T1      ",
      "T2      ", "S0/FP   ", "S1      ", "A0      ", "A1      ", "A2      ", "A3      ",
      "A4      ", "A5      ", "A6      ", "A7      ", "S2      ", "S3      ", "S4      ",
      "S5      ", "S6      ", "S7      ", "S8      ", "S9      ", "S10     ", "S11     ",
      "T3      ", "T4      ", "T5      ", "T6      ", "MSTATUS ", "MTVEC   ", "MCAUSE  ",
      "MTVAL   ", "MHARTID "};
  const uint32_t more[] = {READ_CSR("mstatus"), READ_CSR("mtvec"), READ_CSR("mcause"),
                           READ_CSR("mtval"), READ_CSR("mhartid")};
  say("\nCore  0 register dump:");
  for (uint32_t i = 0; i < sizeof names / sizeof *names; ++i) {
    say(i % 4 ? "" : "\n");
    say(names[i]);
    say(": ");
    say_word(i < 32 ? panic_registers[i] : more[i - 32]);
    say("  ");
  }
}

// From the stack pointer up to the stack's beginning; nothing where it points elsewhere.
void say_stack(uint32_t sp) {
  const uint32_t top = static_cast<uint32_t>(reinterpret_cast<uintptr_t>(_stack_top));
  const uint32_t begin = sp & ~3u;
  const uint32_t end = top - begin > kStackBytes ? begin + kStackBytes : top;
  say("\n\nStack memory:");
  for (uint32_t at = begin; at >= DRAM_BEGIN && begin < top && at < end; at += 4) {
    if ((at - begin) / 4 % kWordsInLine == 0) {
      say("\n");
      say_digits(at, 8);
      say(":");
    }
    say(" ");
    say_word(REG(at));
  }
  say("\n");
}

void say_build() {
  say("\nELF file SHA256: ");
  for (uint32_t i = 0; i < kDigestBytes; ++i) {
    say_digits(app_description.elf_sha256[i], 2);
  }
}

}  // namespace

void panic_init(void) {
  __asm__ volatile("csrw mtvec, %0" : : "r"(trap_vector + 1));  // vectored: the chip has no other
}

void panic_say(const char *line) {
  say("\n");
  say(line);
  say("\n");
}

void panic_abort(const char *what, const void *where) {
  aborted = what;
  aborted_at = static_cast<uint32_t>(reinterpret_cast<uintptr_t>(where));
  __builtin_trap();
}

// A second trap while the first is reported only resets: nothing here can be relied on then.
void panic_report() {
  if (!reporting) {
    reporting = true;
    say_reason();
    say_registers();
    say_stack(panic_registers[2]);
    say_build();
    say("\n\nRebooting...\n");
  }
  while (UART_STATUS >> kSent & 0x3FF) {
  }
  ROM_RESET();
  for (;;) {
  }
}
