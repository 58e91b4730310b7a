"""Short names of boards (`board = uno`) to full ones (`arduino:avr:uno`).

Rules
- A full name stays what it is.
- The table has PlatformIO's names of common boards; their full name holds on every machine.
- Where a name is not in it, the core that PlatformIO's `platform` stands for (PLATFORMS) is the one
  that may have it.
- Any other short name is a board's id in a platform that is here, or its `build.board`, written
  in whatever case and with - for _; it must be one board only. Where that finds none, what a
  manifest of PlatformIO's says is the board's `build.board` is looked for in the same way.
"""

from __future__ import annotations

import re

from fbuild_watch.errors import UnknownBoard
from fbuild_watch.project import arduino
from fbuild_watch.project import properties as props
from fbuild_watch.project.hardware import BOARDS, Hardware

_AVR = "arduino:avr:"
_ESP32 = "esp32:esp32:"
_ESP8266 = "esp8266:esp8266:"
_SAMD = "arduino:samd:"
_RP2040 = "rp2040:rp2040:"
_STM32 = "STMicroelectronics:stm32:"
_NRF52 = "adafruit:nrf52:"

COMMON = {
    "uno": f"{_AVR}uno",
    "leonardo": f"{_AVR}leonardo",
    "micro": f"{_AVR}micro",
    "yun": f"{_AVR}yun",
    "megaatmega2560": f"{_AVR}mega:cpu=atmega2560",
    "megaatmega1280": f"{_AVR}mega:cpu=atmega1280",
    "megaADK": f"{_AVR}megaADK",
    "nanoatmega328": f"{_AVR}nano:cpu=atmega328old",
    "nanoatmega328new": f"{_AVR}nano:cpu=atmega328",
    "nanoatmega168": f"{_AVR}nano:cpu=atmega168",
    "pro16MHzatmega328": f"{_AVR}pro:cpu=16MHzatmega328",
    "pro8MHzatmega328": f"{_AVR}pro:cpu=8MHzatmega328",
    "pro16MHzatmega168": f"{_AVR}pro:cpu=16MHzatmega168",
    "pro8MHzatmega168": f"{_AVR}pro:cpu=8MHzatmega168",
    "diecimilaatmega328": f"{_AVR}diecimila:cpu=atmega328",
    "diecimilaatmega168": f"{_AVR}diecimila:cpu=atmega168",
    "esp32dev": f"{_ESP32}esp32",
    "esp32-s2-saola-1": f"{_ESP32}esp32s2",
    "esp32-s3-devkitc-1": f"{_ESP32}esp32s3",
    "esp32-s3-devkitm-1": f"{_ESP32}esp32s3",
    "esp32-c3-devkitm-1": f"{_ESP32}esp32c3",
    "esp32-c3-devkitc-02": f"{_ESP32}esp32c3",
    "esp32-c6-devkitc-1": f"{_ESP32}esp32c6",
    "esp32-h2-devkitm-1": f"{_ESP32}esp32h2",
    "esp32-p4": f"{_ESP32}esp32p4",
    "esp32cam": f"{_ESP32}esp32cam",
    "esp-wrover-kit": f"{_ESP32}esp32wrover",
    "m5stack-core-esp32": f"{_ESP32}m5stack_core",
    "m5stick-c": f"{_ESP32}m5stack_stickc",
    "seeed_xiao_esp32c3": f"{_ESP32}XIAO_ESP32C3",
    "seeed_xiao_esp32c6": f"{_ESP32}XIAO_ESP32C6",
    "seeed_xiao_esp32s3": f"{_ESP32}XIAO_ESP32S3",
    "ttgo-lora32-v1": f"{_ESP32}ttgo-lora32",
    "ttgo-t-beam": f"{_ESP32}t-beam",
    "wemos_d1_mini32": f"{_ESP32}d1_mini32",
    "lolin_d32": f"{_ESP32}d32",
    "nodemcu-32s": f"{_ESP32}nodemcu-32s",
    "esp01_1m": f"{_ESP8266}generic:eesz=1M64",
    "esp12e": f"{_ESP8266}generic:eesz=4M2M",
    "nodemcu": f"{_ESP8266}nodemcu",
    "nodemcuv2": f"{_ESP8266}nodemcuv2",
    "d1_mini": f"{_ESP8266}d1_mini",
    "zeroUSB": f"{_SAMD}arduino_zero_native",
    "zero": f"{_SAMD}arduino_zero_edbg",
    "mkrzero": f"{_SAMD}mkrzero",
    "mkr1000USB": f"{_SAMD}mkr1000",
    "mkrwifi1010": f"{_SAMD}mkrwifi1010",
    "nano_33_iot": f"{_SAMD}nano_33_iot",
    "due": "arduino:sam:arduino_due_x_dbg",
    "dueUSB": "arduino:sam:arduino_due_x",
    "nano33ble": "arduino:mbed_nano:nano33ble",
    "nano_every": "arduino:megaavr:nona4809",
    "uno_wifi_rev2": "arduino:megaavr:uno2018",
    "uno_r4_minima": "arduino:renesas_uno:minima",
    "uno_r4_wifi": "arduino:renesas_uno:unor4wifi",
    "pico": "arduino:mbed_rp2040:pico",
    "nanorp2040connect": "arduino:mbed_nano:nanorp2040connect",
    "portenta_h7_m7": "arduino:mbed_portenta:envie_m7",
    "adafruit_feather_nrf52832": f"{_NRF52}feather52832",
    "adafruit_feather_nrf52840": f"{_NRF52}feather52840",
    "nrf52840_dk_adafruit": f"{_NRF52}pca10056",
    "adafruit_feather_m0": "adafruit:samd:adafruit_feather_m0",
    "seeed_xiao": "Seeeduino:samd:seeed_XIAO_m0",
    "ATmega328P": "MiniCore:avr:328:variant=modelP",
    "rpipico": f"{_RP2040}rpipico",
    "rpipicow": f"{_RP2040}rpipicow",
    "rpipico2": f"{_RP2040}rpipico2",
    "teensy40": "teensy:avr:teensy40",
    "teensy41": "teensy:avr:teensy41",
    "teensy31": "teensy:avr:teensy31",
    "teensy35": "teensy:avr:teensy35",
    "teensy36": "teensy:avr:teensy36",
    "teensylc": "teensy:avr:teensyLC",
    "bluepill_f103c8": f"{_STM32}GenF1:pnum=BLUEPILL_F103C8",
    "blackpill_f411ce": f"{_STM32}GenF4:pnum=BLACKPILL_F411CE",
    "nucleo_f401re": f"{_STM32}Nucleo_64:pnum=NUCLEO_F401RE",
    "blackpill_f401cc": f"{_STM32}GenF4:pnum=BLACKPILL_F401CC",
    "nucleo_f103rb": f"{_STM32}Nucleo_64:pnum=NUCLEO_F103RB",
    "nucleo_f411re": f"{_STM32}Nucleo_64:pnum=NUCLEO_F411RE",
    "nucleo_f446re": f"{_STM32}Nucleo_64:pnum=NUCLEO_F446RE",
    "nucleo_l432kc": f"{_STM32}Nucleo_32:pnum=NUCLEO_L432KC",
    "nucleo_l476rg": f"{_STM32}Nucleo_64:pnum=NUCLEO_L476RG",
    "genericCH32V003F4P6": "WCH:ch32v:CH32V00x_EVT",
}
"""PlatformIO's name -> Arduino's, with the menu choice that PlatformIO's manifest stands for."""

CORES = {
    "earlephilhower": {
        "pico": f"{_RP2040}rpipico",
        "nanorp2040connect": f"{_RP2040}arduino_nano_connect",
    }
}
"""PlatformIO's `board_build.core` -> the boards that are others with it."""

PLATFORMS = {
    "atmelavr": "arduino:avr",
    "atmelmegaavr": "arduino:megaavr",
    "ch32v": "WCH:ch32v",
    "espressif32": "esp32:esp32",
    "espressif8266": "esp8266:esp8266",
    "nordicnrf52": "adafruit:nrf52",
    "ststm32": "STMicroelectronics:stm32",
    "teensy": "teensy:avr",
}
"""PlatformIO's platform -> the core that has most of its boards."""


def likely_platform(platform: str) -> str:
    """The core, as vendor:arch, of a `platform` as PlatformIO takes it; empty where that is open."""
    name = re.split(r"[@\s]", platform.strip(), maxsplit=1)[0]
    return PLATFORMS.get(name.rpartition("/")[2], "")


def full_name(board: str, hardware: Hardware, arduino_board: str = "", core: str = "") -> str:
    """The full name of a board. A name that nothing knows comes back as it is.

    `arduino_board`: what its manifest says; `core`: `board_build.core`.

    Raises UnknownBoard where a short name means several boards.
    """
    if ":" in board:
        return board
    if common := CORES.get(core, {}).get(board) or COMMON.get(board):
        return common
    found = _matching(_simple(board), hardware)
    if not found and arduino_board:
        found = _matching(_simple(arduino_board), hardware)
    if len(found) > 1:
        hint = f"write one of: {', '.join(found)}"
        raise UnknownBoard(board, searched=[str(root) for root in hardware.roots()], hint=hint)
    return found[0] if found else board


def _matching(wanted: str, hardware: Hardware) -> list[str]:
    return [
        f"{vendor}:{arch}:{board}"
        for vendor, arch, folder in hardware.all()
        for board in arduino.ids(folder)
        if wanted in (_simple(board), _simple(props.read(folder / BOARDS).get(f"{board}.build.board", "")))
    ]  # fmt: skip


def _simple(name: str) -> str:
    return name.casefold().replace("-", "_")
