"""An ATmega328P in simavr behind a pty, firmware for it, and the upload recipe of the real core."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from fbuild_watch.model import UploadRecipe
from fbuild_watch.project import properties as props
from fbuild_watch.project import recipe

SOURCE = Path(__file__).with_name("avr_board.c")
CORE = Path("/usr/share/arduino/hardware/arduino/avr")
BOOTLOADER = CORE / "bootloaders" / "atmega" / "ATmegaBOOT_168_atmega328.hex"
BOOTLOADER_BAUD = 57600
"""Of that bootloader, as the board `nano:cpu=atmega328old` says."""

FIRMWARE = """
#include <avr/io.h>
#include <util/delay.h>
static void say(const char *text) {
  for (; *text; text++) { while (!(UCSR0A & _BV(UDRE0))); UDR0 = *text; }
}
int main(void) {
  UBRR0 = F_CPU / 16 / 57600 - 1;
  UCSR0B = _BV(TXEN0) | _BV(RXEN0);
  for (;;) { say("%s\\r\\n"); _delay_ms(100); }
}
"""

SKETCH = """
#include <Arduino.h>
void setup() { Serial.begin(57600); }
void loop() { Serial.println("hello from a nano"); delay(100); }
"""

PACKAGES = "avrdude libsimavr-dev gcc-avr avr-libc arduino-core-avr"


def need_tools() -> None:
    """Skip, saying what is missing."""
    missing = [name for name in ("avrdude", "avr-gcc", "cc") if not shutil.which(name)]
    if missing or not BOOTLOADER.is_file() or not Path("/usr/include/simavr").is_dir():
        pytest.skip(f"needs the packages: {PACKAGES}")


def compiled_board(folder: Path) -> Path:
    """The board's program."""
    program = folder / "avr_board"
    subprocess.run(["cc", "-O2", "-o", str(program), str(SOURCE), "-lsimavr"], check=True)
    return program


@contextmanager
def served(program: Path) -> Iterator[str]:
    """A running board; the name of its port."""
    with subprocess.Popen(
        [program, BOOTLOADER], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL, text=True,
    ) as board:  # fmt: skip
        assert board.stdin is not None
        assert board.stdout is not None
        try:
            yield board.stdout.readline().strip()
        finally:
            board.stdin.close()


def firmware(folder: Path, text: str) -> Path:
    """A program that says `text` ten times a second, as the .hex that a build leaves."""
    (folder / "main.c").write_text(FIRMWARE % text)
    elf, hex_file = folder / "firmware.elf", folder / "firmware.hex"
    flags = ["-mmcu=atmega328p", "-DF_CPU=16000000UL", "-Os"]
    subprocess.run(["avr-gcc", *flags, "main.c", "-o", str(elf)], cwd=folder, check=True)
    subprocess.run(["avr-objcopy", "-O", "ihex", str(elf), str(hex_file)], check=True)
    return hex_file


def nano(folder: Path) -> Path:
    """A project for a Nano with our bootloader, and the core that the system has installed."""
    (folder / "src").mkdir(parents=True)
    (folder / "src" / "main.cpp").write_text(SKETCH)
    ini = "[env:nano]\nboard = nanoatmega328\nmonitor_speed = 57600\n"
    (folder / "platformio.ini").write_text(ini)
    return folder


def core_recipe(build: Path, *, verify: bool = True) -> UploadRecipe:
    """The pattern of the core's platform.txt with the Uno's properties, at our bootloader's rate."""
    platform = _read("platform.txt")
    tool = props.below(platform, "tools.avrdude")
    properties = {
        **platform,
        **props.below(_read("boards.txt"), "uno"),
        **tool,
        "build.path": recipe.protect(build),
        "build.project_name": "firmware",
        "upload.verbose": tool["upload.params.verbose"],
        "upload.verify": "" if verify else tool["upload.params.noverify"],
        "upload.speed": str(BOOTLOADER_BAUD),
    }
    text = props.expand(properties["upload.pattern"], properties, "platform.txt")
    return UploadRecipe("avrdude", tuple(recipe.split(text)), BOOTLOADER_BAUD)


def _read(name: str) -> dict[str, str]:
    return props.parse((CORE / name).read_text(), name, "linux")
