"""Real sketches by a distribution's own AVR core and compiler, and what they say on an ATmega328P."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
import trio

from fbuild_watch import image, project
from fbuild_watch.board import tool_upload
from fbuild_watch.build import Builder, Built
from fbuild_watch.errors import CompileFailed
from fbuild_watch.flash import Listener
from fbuild_watch.model import BuildPlan
from fbuild_watch.project import planner
from fbuild_watch.serial import open_port
from tests.real.program import environment, run

CORE = Path("/usr/share/arduino/hardware/arduino/avr")
EXAMPLES = Path("/usr/share/doc/arduino-core-avr/examples")

pytestmark = pytest.mark.skipif(
    not (shutil.which("avr-gcc") and (CORE / "boards.txt").is_file()),
    reason="needs the packages arduino-core-avr, gcc-avr, avr-libc",
)

BLINK = """
void setup() { pinMode(LED_BUILTIN, OUTPUT); Serial.begin(57600); }
void loop() {
  digitalWrite(LED_BUILTIN, HIGH); Serial.print(digitalRead(LED_BUILTIN)); delay(20);
  digitalWrite(LED_BUILTIN, LOW); Serial.println(digitalRead(LED_BUILTIN)); delay(20);
}
"""
MAIN_TAB = """// The main tab: calls what stands below, and in the other tabs.
#include <Servo.h>
Servo servo;
struct Pair { int a; long b; };
void setup() { Serial.begin(57600); servo.attach(9); report(sum({3, 4}), twice("ab")); }
void loop() { servo.write(90); delay(100); }
long sum(Pair pair) { return pair.a + pair.b; }
"""
OTHER_TAB = """String twice(const char *text) { return String(text) + text; }
#ifdef ARDUINO_ARCH_AVR
void report(long number, const String &text) { Serial.print(number); Serial.println(text); }
#else
void report(Nothing of, That kind);
#endif
"""
SERVO_H = """#pragma once
#include <Arduino.h>
class Servo { public: void attach(int pin); void write(int angle); private: int pin_; };
"""
SERVO_CPP = """#include "Servo.h"
#include <utility/pulse.h>
void Servo::attach(int pin) { pin_ = pin; pinMode(pin, OUTPUT); }
void Servo::write(int angle) { pulse(pin_, 544 + angle * 10); }
"""
PULSE_H = "extern void pulse(int pin, int microseconds);\n"
PULSE_CPP = """#include "pulse.h"
#include <Arduino.h>
void pulse(int pin, int us) { digitalWrite(pin, 1); delayMicroseconds(us); digitalWrite(pin, 0); }
"""

Make = Callable[..., Path]


@pytest.fixture
def make(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Make:
    """A factory of projects: `make({"src/main.cpp": "..."}, board="uno")`."""
    monkeypatch.setenv("ARDUINO_DIRECTORIES_USER", str(tmp_path / "sketchbook"))

    def made(files: dict[str, str], *, board: str = "uno", more: str = "") -> Path:
        folder = tmp_path / "project"
        files = {"platformio.ini": f"[env:e]\nboard = {board}\n{more}", **files}
        for name, text in files.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        return folder

    return made


def sketch(tmp_path: Path) -> dict[str, str]:
    """A sketch of several tabs without prototypes, and a library in the old, flat layout."""
    library = tmp_path / "sketchbook" / "libraries" / "Servo"
    (library / "utility").mkdir(parents=True)
    (library / "library.properties").write_text("name=Servo\nversion=1.0\narchitectures=avr\n")
    (library / "Servo.h").write_text(SERVO_H)
    (library / "Servo.cpp").write_text(SERVO_CPP.replace("utility/", ""))
    (library / "utility" / "pulse.h").write_text(PULSE_H)
    (library / "utility" / "pulse.cpp").write_text(PULSE_CPP)
    return {"src/src.ino": MAIN_TAB, "src/a_tab.ino": OTHER_TAB}


async def built(folder: Path) -> tuple[BuildPlan, Built]:
    plan = planner.plan(project.load(folder))
    done = await Builder(plan).build()
    image.make(plan)
    return plan, done


def flash_size(elf: Path) -> int:
    """Bytes of flash that a program takes, by the toolchain's own `size`."""
    words = subprocess.run(["avr-size", elf], check=True, capture_output=True, text=True).stdout
    text, data = words.splitlines()[1].split()[:2]
    return int(text) + int(data)


def hex_bytes(path: Path) -> int:
    """The bytes of data in an Intel HEX file, each record's checksum proven."""
    total = 0
    lines = path.read_text().split()
    for line in lines:
        record = bytes.fromhex(line.removeprefix(":"))
        assert sum(record) % 256 == 0, line
        assert record[0] == len(record) - 5
        total += record[0] if record[3] == 0 else 0
    assert lines[-1] == ":00000001FF"
    return total


@pytest.mark.parametrize(
    ("example", "libraries"),
    [
        ("Wire/master_writer", ["Wire"]),
        ("Wire/i2c_scanner", ["Wire"]),
        ("SPI/BarometricPressureSensor", ["SPI"]),
        ("EEPROM/eeprom_get", ["EEPROM"]),
        ("SoftwareSerial/TwoPortReceive", ["SoftwareSerial"]),
    ],
)
async def test_the_core_s_own_examples(tmp_path: Path, example: str, libraries: list[str]) -> None:
    folder = tmp_path / Path(example).name
    if not (EXAMPLES / example).is_dir():
        pytest.skip("the examples of arduino-core-avr are not installed")
    shutil.copytree(EXAMPLES / example, folder)
    plan = planner.plan(project.load(folder, "uno"))
    await Builder(plan).build()
    assert [name.split()[0] for name in plan.libraries] == libraries
    assert 400 < flash_size(plan.elf) < 32256
    firmware_hex = next(path for path in plan.artifacts if path.suffix == ".hex")
    assert hex_bytes(firmware_hex) == flash_size(plan.elf)


async def test_an_uno_builds_from_what_the_distribution_has_and_says_so(
    make: Make, tmp_path: Path
) -> None:
    folder = make({"src/main.cpp": f"#include <Arduino.h>\n{BLINK}"})
    code, out, err = await run("build", str(folder), env=environment(tmp_path))
    assert code == 0, err
    assert re.search(rf"^core +arduino:avr .*\({CORE}\)", err, re.MULTILINE)
    assert re.search(r"^compiler +.*avr-g\+\+$", err, re.MULTILINE)
    assert "firmware.hex" in out
    made = folder / ".fbuild" / "build" / "e"
    assert hex_bytes(made / "firmware.hex") == flash_size(made / "firmware.elf")
    assert hex_bytes(made / "firmware.eep") == 0


async def test_an_edit_of_a_tab_costs_the_sketch_only(make: Make, tmp_path: Path) -> None:
    folder = make(sketch(tmp_path))
    plan, first = await built(folder)
    assert {path.name for path in first.compiled} >= {"src.ino.cpp", "Servo.cpp", "pulse.cpp"}
    assert len(first.compiled) == len(plan.units)
    _, nothing = await built(folder)
    assert (nothing.compiled, nothing.linked) == ((), False)
    tab = folder / "src" / "a_tab.ino"
    tab.write_text(tab.read_text().replace("print(number)", "print(number + 1)"))
    _, again = await built(folder)
    assert [path.name for path in again.compiled] == ["src.ino.cpp"]


async def test_errors_and_warnings_point_into_the_tab(make: Make, tmp_path: Path) -> None:
    files = sketch(tmp_path)
    files["src/a_tab.ino"] += "int wrong() {\n  return nonesuch;\n}\n"
    folder = make(files)
    with pytest.raises(CompileFailed) as failure:
        await built(folder)
    assert f"{folder}/src/a_tab.ino:8:10: error: " in failure.value.diagnostics
    assert f"{folder}/src/src.ino" not in failure.value.diagnostics


async def test_a_library_that_is_used_no_more_leaves_the_build(make: Make) -> None:
    folder = make(
        {
            "src/main.cpp": "#include <Arduino.h>\n#include <Wire.h>\nvoid setup() {}\nvoid loop() {}\n"
        }
    )
    plan, _ = await built(folder)
    assert any(unit.source.name == "twi.c" for unit in plan.units)
    main = folder / "src" / "main.cpp"
    main.write_text(main.read_text().replace("#include <Wire.h>\n", ""))
    plan, again = await built(folder)
    assert plan.libraries == ()
    assert [path.name for path in again.compiled] == ["main.cpp"]


# --- on an ATmega328P ----------------------------------------------------------------------


@pytest.mark.parametrize(("kind", "says"), [("blink", b"10\r\n10\r\n"), ("tabs", b"7abab\r\n")])
async def test_what_was_built_runs(
    make: Make, tmp_path: Path, avr_port: str, kind: str, says: bytes
) -> None:
    files = {"src/blink.ino": BLINK} if kind == "blink" else sketch(tmp_path)
    plan, _ = await built(make(files, board="nanoatmega328"))
    assert plan.upload is not None
    await tool_upload.upload(plan.upload, avr_port, Listener())
    opened = await open_port(avr_port, 57600)
    try:
        heard = b""
        with trio.fail_after(20):
            while says not in heard:
                heard += await opened.receive_some()
    finally:
        await opened.aclose()
