// The registers and ROM functions this core uses, and nothing else.
// Source: ESP32-C3 technical reference manual (addresses), ESP-IDF's esp32c3.rom.ld (functions).
// The bootloader uses this file too: plain C, no state.
#pragma once

#include <stdint.h>

#define REG(address) (*(volatile uint32_t *)(address))

// UART0. The mask ROM leaves it running at 115200 baud.
#define UART_FIFO REG(0x60000000)
#define UART_CLKDIV REG(0x60000014)  // divider: bits 0-11 whole, bits 20-23 sixteenths
#define UART_STATUS REG(0x6000001C)  // bytes waiting: bits 0-9 received, bits 16-25 to send
#define UART_CLK_CONF REG(0x60000078)  // a divider in front of that: bits 12-19, less one
#define UART_ID REG(0x60000080)
#define UART_REG_UPDATE (1u << 31)  // hands the registers to the UART; clears itself
#define UART_FIFO_SIZE 128u

// GPIO.
#define GPIO_OUT_W1TS REG(0x60004008)
#define GPIO_OUT_W1TC REG(0x6000400C)
#define GPIO_ENABLE_W1TS REG(0x60004024)
#define GPIO_ENABLE_W1TC REG(0x60004028)
#define GPIO_IN REG(0x6000403C)
#define GPIO_FUNC_OUT_SEL(pin) REG(0x60004554 + 4 * (pin))
#define GPIO_FUNC_OUT_SIMPLE 0x80u  // driven by GPIO_OUT, not by a peripheral
#define IO_MUX(pin) REG(0x60009004 + 4 * (pin))
#define IO_MUX_PULL_DOWN (1u << 7)
#define IO_MUX_PULL_UP (1u << 8)
#define IO_MUX_INPUT (1u << 9)
#define IO_MUX_FUNCTION_GPIO (1u << 12)

// System timer: 16 MHz, 52 bits.
#define SYSTIMER_CONF REG(0x60023000)
#define SYSTIMER_UNIT0_OP REG(0x60023004)
#define SYSTIMER_UNIT0_HI REG(0x60023040)
#define SYSTIMER_UNIT0_LO REG(0x60023044)
#define SYSTIMER_TICKS_PER_US 16u

// Watchdogs. All three run when the ROM hands over.
#define RTC_WDT_CONFIG0 REG(0x60008090)
#define RTC_WDT_PROTECT REG(0x600080A8)
#define RTC_SWD_CONF REG(0x600080AC)
#define RTC_SWD_PROTECT REG(0x600080B0)
#define TIMG0_WDT_CONFIG0 REG(0x6001F048)
#define TIMG0_WDT_PROTECT REG(0x6001F064)
#define WDT_KEY 0x50D83AA1u
#define SWD_KEY 0x8F1D312Au
#define SWD_AUTO_FEED (1u << 31)

// Where the memory begins that data and stacks lie in.
#define DRAM_BEGIN 0x3FC80000u

// Functions of the mask ROM.
#define ROM_DELAY_US ((void (*)(uint32_t))0x40000050)
#define ROM_UART_TX ((int (*)(uint8_t))0x40000068)
#define ROM_RESET ((void (*)(void))0x40000090)
#define ROM_FLASH_READ ((int (*)(uint32_t, uint32_t *, int32_t))0x40000130)

static inline void watchdogs_off(void) {
  RTC_WDT_PROTECT = WDT_KEY;
  RTC_WDT_CONFIG0 = 0;
  RTC_WDT_PROTECT = 0;
  RTC_SWD_PROTECT = SWD_KEY;
  RTC_SWD_CONF |= SWD_AUTO_FEED;
  RTC_SWD_PROTECT = 0;
  TIMG0_WDT_PROTECT = WDT_KEY;
  TIMG0_WDT_CONFIG0 = 0;
  TIMG0_WDT_PROTECT = 0;
}
