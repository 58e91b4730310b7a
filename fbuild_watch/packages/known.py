"""The indexes of the field that need no naming: which URL has which vendor's platforms. Data.

Each is the URL that the core's own documentation tells people to paste into Arduino's preferences.
"""

from __future__ import annotations

ARDUINO = "https://downloads.arduino.cc/packages/package_index.json"
"""Arduino's own platforms, and tools that other vendors' platforms share."""

LIBRARIES = "https://downloads.arduino.cc/libraries/library_index.json.gz"

INDEXES = {
    "adafruit": "https://adafruit.github.io/arduino-board-index/package_adafruit_index.json",
    "arduino": ARDUINO,
    "esp32": "https://espressif.github.io/arduino-esp32/package_esp32_index.json",
    "esp8266": "https://arduino.esp8266.com/stable/package_esp8266com_index.json",
    "megatinycore": "https://drazzy.com/package_drazzy.com_index.json",
    "dxcore": "https://drazzy.com/package_drazzy.com_index.json",
    "attinycore": "https://drazzy.com/package_drazzy.com_index.json",
    "megacore": "https://mcudude.github.io/MegaCore/package_MCUdude_MegaCore_index.json",
    "megacorex": "https://mcudude.github.io/MegaCoreX/package_MCUdude_MegaCoreX_index.json",
    "microcore": "https://mcudude.github.io/MicroCore/package_MCUdude_MicroCore_index.json",
    "mightycore": "https://mcudude.github.io/MightyCore/package_MCUdude_MightyCore_index.json",
    "minicore": "https://mcudude.github.io/MiniCore/package_MCUdude_MiniCore_index.json",
    "rp2040": "https://github.com/earlephilhower/arduino-pico/releases/download/global/"
    "package_rp2040_index.json",
    "sandeepmistry": "https://sandeepmistry.github.io/arduino-nRF5/package_nRF5_boards_index.json",
    "seeeduino": "https://files.seeedstudio.com/arduino/package_seeeduino_boards_index.json",
    "siliconlabs": "https://siliconlabs.github.io/arduino/package_arduinosilabs_index.json",
    "stmicroelectronics": "https://github.com/stm32duino/BoardManagerFiles/raw/main/"
    "package_stmicroelectronics_index.json",
    "teensy": "https://www.pjrc.com/teensy/package_teensy_index.json",
    "wch": "https://github.com/openwch/board_manager_files/raw/main/package_ch32v_index.json",
}
"""By the vendor of a board's name, in lower case."""


def indexes_for(vendor: str) -> tuple[str, ...]:
    """Where a vendor's platforms are; empty where that is not known."""
    url = INDEXES.get(vendor.lower())
    return (url,) if url else ()
