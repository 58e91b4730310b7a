// From the first C++ instruction to the sketch's loop().

#include "Arduino.h"
#include "panic.h"
#include "soc.h"

extern "C" {
typedef void (*Constructor)();

extern uint32_t _framework_bss_start[], _framework_bss_end[], _bss_start[], _bss_end[];
extern Constructor _init_array_start[], _init_array_end[];
}

namespace {

// What the linker decides and the sketch's size changes. It is kept as data beside the sketch's
// own: as constants in the code below it would change a sector of the framework at every edit.
struct MemoryMap {
  uint32_t *bss_start, *bss_end;
  Constructor *constructors, *constructors_end;
};

__attribute__((section(".memory_map"), used)) const volatile MemoryMap memory_map = {
    _bss_start, _bss_end, _init_array_start, _init_array_end};

void zero(uint32_t *from, uint32_t *to) {
  while (from < to) {
    *from++ = 0;
  }
}

// Stands beside the sketch too, for the same reason: it holds the addresses of its functions.
__attribute__((section(".sketch_entry"), noinline, noreturn)) void run_sketch() {
  setup();
  for (;;) {
    loop();
  }
}

}  // namespace

extern "C" void start_runtime() {
  watchdogs_off();
  panic_init();
  zero(_framework_bss_start, _framework_bss_end);
  zero(memory_map.bss_start, memory_map.bss_end);
  SYSTIMER_CONF |= 3u << 30;  // its clock, and unit 0 counting
  for (Constructor *each = memory_map.constructors; each < memory_map.constructors_end; ++each) {
    (*each)();
  }
  run_sketch();
}
