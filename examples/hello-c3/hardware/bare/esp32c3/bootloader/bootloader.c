// The second-stage bootloader. The mask ROM loads it from flash 0x0 and jumps to _start; it reads
// the partition table, loads the first application's image into RAM, and jumps to that.
//
// Not here: over-the-air updates (ota_data is not read), execution from flash, secure boot. The
// image's checksum is verified, its SHA-256 is not: what was flashed has been proven already.
// Formats: ESP-IDF, "Partition Tables"; esptool, "Firmware Image Format".

#include "../cores/arduino/soc.h"

#define PARTITION_TABLE 0x8000u
#define PARTITION_TABLE_SIZE 0xC00u
#define PARTITION_MAGIC 0x50AAu
#define PARTITION_TYPE_APP 0u
#define PARTITION_FACTORY 0u
#define PARTITION_OTA_0 0x10u

#define IMAGE_MAGIC 0xE9u
#define IMAGE_MAX_SEGMENTS 16u
#define IMAGE_CHECKSUM_SEED 0xEFu
#define CHIP_ESP32C3 5u

// Where an application may be loaded: iram and dram of cores/arduino/esp32c3_app.ld.
#define IRAM_START 0x40380000u
#define DRAM_START 0x3FCA0000u
#define WINDOW_SIZE 0x20000u

typedef struct {
  uint16_t magic;
  uint8_t type, subtype;
  uint32_t offset, size;
  char label[16];
  uint32_t flags;
} Partition;

typedef struct {
  uint8_t magic, segments, mode, size_and_speed;
  uint32_t entry;
  uint8_t wp_pin, drive[3];
  uint16_t chip;
  uint8_t reserved[9], has_digest;
} ImageHeader;

typedef struct {
  uint32_t address, size;
} Segment;

void start_bootloader(void);

__attribute__((naked, used, section(".text.start"))) void _start(void) {
  __asm__ volatile("la sp, _stack_top\n tail start_bootloader");
}

static void say(const char *text) {
  for (; *text; ++text) {
    if (*text == '\n') {
      ROM_UART_TX('\r');
    }
    ROM_UART_TX((uint8_t)*text);
  }
}

static void say_hex(uint32_t value) {
  say("0x");
  for (int shift = 28; shift >= 0; shift -= 4) {
    ROM_UART_TX((uint8_t) "0123456789abcdef"[value >> shift & 15]);
  }
}

// Nothing can be booted: say so, and try again soon (it may have been flashed by then).
__attribute__((noreturn)) static void fail(const char *reason, uint32_t where) {
  say("boot: ");
  say(reason);
  say(" at ");
  say_hex(where);
  say(", resetting\n");
  ROM_DELAY_US(1000000);
  ROM_RESET();
  for (;;) {
  }
}

static void read_flash(uint32_t from, void *to, uint32_t size) {
  if (ROM_FLASH_READ(from, (uint32_t *)to, (int32_t)size) != 0) {
    fail("cannot read flash", from);
  }
}

static int is_first_app(const Partition *entry) {
  return entry->type == PARTITION_TYPE_APP &&
         (entry->subtype == PARTITION_FACTORY || entry->subtype == PARTITION_OTA_0);
}

// The table ends with an entry that is none (its MD5, or erased flash).
static void find_app(Partition *entry) {
  for (uint32_t at = 0; at < PARTITION_TABLE_SIZE; at += sizeof *entry) {
    read_flash(PARTITION_TABLE + at, entry, sizeof *entry);
    if (entry->magic != PARTITION_MAGIC) {
      fail(at ? "no app in the partition table" : "no partition table", PARTITION_TABLE + at);
    }
    if (is_first_app(entry)) {
      return;
    }
  }
  fail("no app in the partition table", PARTITION_TABLE);
}

static int lies_in(uint32_t window, const Segment *segment) {
  const uint32_t start = segment->address - window;
  return start <= WINDOW_SIZE && segment->size <= WINDOW_SIZE - start;
}

static uint32_t checksum(const Segment *segment, uint32_t sum) {
  const uint32_t *word = (const uint32_t *)segment->address;
  for (uint32_t i = 0; i < segment->size / 4; ++i) {
    sum ^= word[i];
  }
  return sum;
}

// Loads one segment; returns where the next one stands in flash.
static uint32_t load_segment(uint32_t at, uint32_t end, uint32_t *sum) {
  Segment segment;
  read_flash(at, &segment, sizeof segment);
  at += sizeof segment;
  if (segment.size % 4 || segment.size > end - at ||
      !(lies_in(IRAM_START, &segment) || lies_in(DRAM_START, &segment))) {
    fail("bad segment in the app", at);
  }
  // Code is written through its data address: the two are the same memory.
  if (segment.address >= IRAM_START) {
    segment.address -= IRAM_START - 0x3FC80000u;
  }
  read_flash(at, (void *)segment.address, segment.size);
  *sum = checksum(&segment, *sum);
  return at + segment.size;
}

static uint32_t load_app(const Partition *app) {
  const uint32_t end = app->offset + app->size;
  ImageHeader header;
  read_flash(app->offset, &header, sizeof header);
  if (header.magic != IMAGE_MAGIC || header.chip != CHIP_ESP32C3 ||
      header.segments > IMAGE_MAX_SEGMENTS) {
    fail("no app", app->offset);
  }
  uint32_t at = app->offset + sizeof header, sum = 0;
  for (uint32_t i = 0; i < header.segments; ++i) {
    at = load_segment(at, end, &sum);
  }
  // The checksum is the last byte of the 16 that hold the end of the segments.
  uint32_t stored;
  read_flash((at | 15u) - 3, &stored, sizeof stored);
  sum ^= sum >> 16;
  if (((sum ^ sum >> 8 ^ IMAGE_CHECKSUM_SEED) & 0xFF) != stored >> 24) {
    fail("the app's checksum is wrong", app->offset);
  }
  return header.entry;
}

void start_bootloader(void) {
  watchdogs_off();
  Partition app;
  find_app(&app);
  say("boot: ");
  app.label[sizeof app.label - 1] = '\0';
  say(app.label);
  say(" at ");
  say_hex(app.offset);
  say("\n");
  ((void (*)(void))load_app(&app))();
}
