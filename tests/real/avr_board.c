/* An ATmega328P with a bootloader, on a pty, for tests: `avr_board BOOTLOADER.hex`.
 *
 * Prints the name of the pty. Opening it resets the chip, as DTR does on an Uno (a pty has no modem
 * lines). Runs at 16 MHz of wall-clock time (slower where the machine is busy): its bootloader counts cycles,
 * and ends when its standard input does.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include <simavr/avr_uart.h>
#include <simavr/sim_avr.h>
#include <simavr/sim_hex.h>
#include <simavr/sim_io.h>

enum { HZ = 16000000, SLICE_US = 1000, DEAF_MS = 210 };

static int pty, may_send = 1;
static avr_cycle_count_t listens_from;

static void say(struct avr_irq_t *irq, uint32_t value, void *unused) {
  unsigned char byte = value;
  if (write(pty, &byte, 1) != 1) { /* nobody listens: the wire forgets it */
  }
}
static void on_xon(struct avr_irq_t *irq, uint32_t value, void *unused) { may_send = 1; }
static void on_xoff(struct avr_irq_t *irq, uint32_t value, void *unused) { may_send = 0; }

static avr_t *make_chip(char *bootloader) {
  avr_t *avr = avr_make_mcu_by_name("atmega328p");
  ihex_chunk_p chunks = NULL;
  int count = read_ihex_chunks(bootloader, &chunks);
  if (!avr || count <= 0) exit(1);
  avr_init(avr);
  avr->frequency = HZ;
  avr->log = LOG_NONE;
  memset(avr->flash, 0xff, avr->flashend + 1);
  for (int i = 0; i < count; i++)
    memcpy(avr->flash + chunks[i].baseaddr, chunks[i].data, chunks[i].size);
  avr->reset_pc = chunks[0].baseaddr;
  avr->codeend = avr->flashend;
  return avr;
}

static avr_irq_t *wire_uart(avr_t *avr) {
  uint32_t flags = 0;
  avr_ioctl(avr, AVR_IOCTL_UART_GET_FLAGS('0'), &flags);
  flags &= ~(AVR_UART_FLAG_STDIO | AVR_UART_FLAG_POOL_SLEEP);
  avr_ioctl(avr, AVR_IOCTL_UART_SET_FLAGS('0'), &flags);
  uint32_t uart = AVR_IOCTL_UART_GETIRQ('0');
  avr_irq_register_notify(avr_io_getirq(avr, uart, UART_IRQ_OUTPUT), say, NULL);
  avr_irq_register_notify(avr_io_getirq(avr, uart, UART_IRQ_OUT_XON), on_xon, NULL);
  avr_irq_register_notify(avr_io_getirq(avr, uart, UART_IRQ_OUT_XOFF), on_xoff, NULL);
  return avr_io_getirq(avr, uart, UART_IRQ_INPUT);
}

static void open_pty(void) {
  struct termios raw;
  pty = posix_openpt(O_RDWR | O_NOCTTY | O_NONBLOCK);
  if (pty < 0 || grantpt(pty) || unlockpt(pty)) exit(1);
  int slave = open(ptsname(pty), O_RDWR | O_NOCTTY);
  tcgetattr(slave, &raw);
  cfmakeraw(&raw);
  tcsetattr(slave, TCSANOW, &raw);
  close(slave); /* from here on the master sees a hang-up while nobody has the port open */
  puts(ptsname(pty));
  fflush(stdout);
}

static void press_reset(avr_t *avr) {
  avr_reset(avr);
  avr_regbit_set(avr, avr->reset_flags.extrf); /* else the bootloader starts the application */
  listens_from = avr->cycle + HZ / 1000 * DEAF_MS;
}

static int is_open(void) {
  struct pollfd ask = {pty, POLLIN, 0};
  poll(&ask, 1, 0);
  return !(ask.revents & POLLHUP);
}

static int parent_is_gone(void) {
  struct pollfd ask = {STDIN_FILENO, POLLIN, 0};
  char byte;
  return poll(&ask, 1, 0) > 0 && read(STDIN_FILENO, &byte, 1) <= 0;
}

/* What comes while the bootloader still flashes its LED is lost, as in a UART: kept, it would be answered
 * when avrdude, which repeats its first words, has given them up (a busy machine makes that a long time). */
static void hear(avr_t *avr, avr_irq_t *input) {
  unsigned char byte;
  while (may_send && read(pty, &byte, 1) == 1)
    if (avr->cycle >= listens_from) avr_raise_irq(input, byte);
}

/* Wait until the next slice is due. Time that a busy machine did not give us is left out: run at once, it
 * would be the bootloader's patience, spent while the uploader had no time either. */
static struct timespec wait_for_slice(struct timespec due) {
  struct timespec now;
  due.tv_nsec += SLICE_US * 1000;
  if (due.tv_nsec >= 1000000000) due.tv_sec++, due.tv_nsec -= 1000000000;
  clock_gettime(CLOCK_MONOTONIC, &now);
  if (now.tv_sec > due.tv_sec || (now.tv_sec == due.tv_sec && now.tv_nsec > due.tv_nsec)) return now;
  clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &due, NULL);
  return due;
}

int main(int argc, char **argv) {
  if (argc != 2) return 2;
  avr_t *avr = make_chip(argv[1]);
  avr_irq_t *input = wire_uart(avr);
  int was_open = 0;
  struct timespec next;
  open_pty();
  press_reset(avr);
  clock_gettime(CLOCK_MONOTONIC, &next);
  while (!parent_is_gone()) {
    int now_open = is_open();
    if (now_open && !was_open) press_reset(avr);
    was_open = now_open;
    avr_cycle_count_t until = avr->cycle + (avr_cycle_count_t)HZ / 1000000 * SLICE_US;
    while (avr->cycle < until && avr->state != cpu_Crashed) {
      for (int i = 0; i < 200; i++) avr_run(avr);
      if (now_open) hear(avr, input);
    }
    if (avr->state == cpu_Crashed) press_reset(avr);
    next = wait_for_slice(next);
  }
  return 0;
}
