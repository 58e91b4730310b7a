"""What boards print when they crash, in the forms of their handlers, with addresses made up here."""

from __future__ import annotations

REGISTERS = (
    "MEPC    : 0x42007f2a  RA      : 0x42007f58  SP      : 0x3fc94e10  GP      : 0x3fc8b800  \n"
    "TP      : 0x3fc89c40  T0      : 0x4005890e  T1      : 0x3fc94d4c  T2      : 0x00000000  \n"
    "S0/FP   : 0x3fc94e30  S1      : 0x00000000  A0      : 0x00000010  A1      : 0x00000001  \n"
    "MSTATUS : 0x00001881  MTVEC   : 0x40380001  MCAUSE  : 0x00000005  MTVAL   : 0x00000010  \n"
    "MHARTID : 0x00000000  \n"
)
STACK = (
    "Stack memory:\n"
    "3fc94e10: 0x00000000 0x00000000 0x3fc94e30 0x42007f58 0x00000000 0x00000000 0x00000000 0x00000000\n"
    "3fc94e30: 0x3fc8b000 0x42007e10 0x00000000 0xa5a5a5a5 0xa5a5a5a5 0xa5a5a5a5 0xa5a5a5a5 0xa5a5a5a5\n"
)

RISCV = (
    "Guru Meditation Error: Core  0 panic'ed (Load access fault). Exception was unhandled.\n\n"
    f"Core  0 register dump:\n{REGISTERS}\n{STACK}\n\n"
    "ELF file SHA256: 5c9b2a7f1d3e4a6b\n\nRebooting...\n"
)

RISCV_ABORT = (
    "\nabort() was called at PC 0x42007e3d on core 0\n"
    f"Core  0 register dump:\n{REGISTERS}\n{STACK}\n\n\nELF file SHA256: 5c9b2a7f1\n\nRebooting...\n"
)

RISCV_TASK_WATCHDOG = (
    "E (10697) task_wdt: Task watchdog got triggered. The following tasks/users did not reset the "
    "watchdog in time:\n"
    "E (10697) task_wdt:  - loopTask (CPU 0)\n"
    "E (10697) task_wdt: Tasks currently running:\n"
    "E (10697) task_wdt: CPU 0: loopTask\n"
    f"E (10697) task_wdt: Aborting.\n\n\nCore  0 register dump:\n{REGISTERS}\n{STACK}\n\nRebooting...\n"
)

XTENSA = (
    "Guru Meditation Error: Core  1 panic'ed (LoadProhibited). Exception was unhandled.\n\n"
    "Core  1 register dump:\n"
    "PC      : 0x400d1531  PS      : 0x00060a30  A0      : 0x800d15a4  A1      : 0x3ffb2150  \n"
    "A2      : 0x00000000  A3      : 0x00000001  A4      : 0x00000014  A5      : 0x00000004  \n"
    "EXCCAUSE: 0x0000001c  EXCVADDR: 0x00000008  LBEG    : 0x400014fd  LEND    : 0x4000150d  \n"
    "LCOUNT  : 0xfffffffe  \n\n\n"
    "Backtrace: 0x400d152e:0x3ffb2150 0x400d15a1:0x3ffb2170 0x400d2bdd:0x3ffb2190\n\n\n\n\n"
    "ELF file SHA256: 5c9b2a7f1d3e4a6b\n\nRebooting...\n"
)

XTENSA_OLD = (
    "assert failed: xQueueSemaphoreTake queue.c:1545 (( pxQueue ))\n\n\n"
    "Backtrace:0x40083a5d:0x3ffb25d0 0x4008b1c9:0x3ffb25f0 0x40090fb1:0x3ffb2610 |<-CORRUPTED\n\n"
    "ELF file SHA256: 0000000000000000\n\nRebooting...\n"
)

XTENSA_TASK_WATCHDOG = (
    "E (5316) task_wdt: Task watchdog got triggered. The following tasks did not reset the watchdog "
    "in time:\n"
    "E (5316) task_wdt:  - IDLE (CPU 0)\n"
    "E (5316) task_wdt: Tasks currently running:\n"
    "E (5316) task_wdt: CPU 0: main\n"
    "E (5316) task_wdt: CPU 1: IDLE\n"
    "E (5316) task_wdt: Print CPU 0 (current core) backtrace\n\n\n"
    "Backtrace: 0x400d3c2a:0x3ffb0d80 0x40082d5a:0x3ffb0da0 0x400d1a2b:0x3ffb4e80\n\n"
    "I (5400) app: going on\n"
    "I (5500) app: and on\n"
)

STACK_CANARY = (
    "Guru Meditation Error: Core  0 panic'ed (Unhandled debug exception). \n"
    "Debug exception reason: Stack canary watchpoint triggered (main) \n"
    "Core  0 register dump:\n"
    "PC      : 0x40081b92  PS      : 0x00060736  A0      : 0x80082c54  A1      : 0x3ffb3ba0  \n\n"
    "Backtrace: 0x40081b8f:0x3ffb3ba0 0x40082c51:0x3ffb3bc0\n\nRebooting...\n"
)

ERROR_CHECK = (
    "ESP_ERROR_CHECK failed: esp_err_t 0x103 (ESP_ERR_INVALID_STATE) at 0x4200809a\n"
    'file: "./main/main.c" line 23\nfunc: app_main\nexpression: nvs_flash_init()\n\n'
    f"abort() was called at PC 0x40387a05 on core 0\nCore  0 register dump:\n{REGISTERS}\n{STACK}\n"
    "Rebooting...\n"
)

ESP8266 = (
    "\nException (28):\n"
    "epc1=0x40201c3a epc2=0x00000000 epc3=0x00000000 excvaddr=0x00000004 depc=0x00000000\n\n"
    ">>>stack>>>\n\nctx: cont\nsp: 3ffffdd0 end: 3fffffd0 offset: 0150\n"
    "3fffff20:  3ffe8510 00000004 40201d02 3ffee4d0  \n"
    "3fffff30:  00000000 40202a9c 3ffee4fc 3ffee4fc <\n"
    "3fffff40:  feefeffe feefeffe feefeffe 40100f49  \n"
    "<<<stack<<<\n\n--------------- CUT HERE FOR EXCEPTION DECODER ---------------\n"
    "\n ets Jan  8 2013,rst cause:2, boot mode:(3,6)\n"
)

ZEPHYR = (
    "E: ***** BUS FAULT *****\n"
    "E:   Precise data bus error\n"
    "E:   BFAR Address: 0x50008158\n"
    "E: r0/a1:  0x00000003  r1/a2:  0x00000002  r2/a3:  0x50008158\n"
    "E: r3/a4:  0x00000001 r12/ip:  0x00000000 r14/lr:  0x08001b4d\n"
    "E:  xpsr:  0x61000000\n"
    "E: Faulting instruction address (r15/pc): 0x08001a2c\n"
    "E: >>> ZEPHYR FATAL ERROR 25: Unknown error on CPU 0\n"
    "E: Current thread: 0x20000190 (main)\n"
    "E: Halting system\n"
)

MBED = (
    "\n++ MbedOS Fault Handler ++\n\nFaultType: HardFault\n\nContext:\n"
    "R   0: 00000000\nR   1: 20001234\nSP   : 20007FD8\nLR   : 00011995\nPC   : 00011F10\n"
    "xPSR : 61000000\n\n-- MbedOS Fault Handler --\n\n"
    "++ MbedOS Error Info ++\nError Status: 0x80FF013D Code: 317 Module: 255\n"
    "Error Message: Fault exception\nLocation: 0x11F10\n-- MbedOS Error Info --\n"
)

CM_BACKTRACE = (
    "Firmware name: pump, hardware version: V1.0.0, software version: V0.1.0\n"
    "Fault on thread main\n"
    "Show more call stack info by run: addr2line -e pump.elf -afpiC 08001234 080056ab 0800099c\n"
)

ALL = {name: text for name, text in globals().items() if name.isupper() and isinstance(text, str)}
