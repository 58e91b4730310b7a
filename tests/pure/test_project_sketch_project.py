"""A sketch's folder: sketch.yaml, and none."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fbuild_watch.errors import InvalidProject, UnknownEnvironment
from fbuild_watch.project import environments, load, yaml_lines

FULL = """\
profiles:
  nano:
    notes: the small one
    fqbn: arduino:avr:nano:cpu=atmega328
    platforms:
      - platform: arduino:avr (1.8.6)
      - platform: other:avr (2.0.0-rc.1)
        platform_index_url: https://example.org/package_other_index.json
    libraries:
      - ArduinoJson (6.21.3)
      - dir: ../mine
      - git: https://example.org/lib.git
      - Servo
    port: /dev/ttyUSB0
    port_config:
      baudrate: 57600
  wifi:
    fqbn: esp8266:esp8266:d1_mini
    programmer: x
default_profile: nano
default_port_config:
  baudrate: 115200
"""


@pytest.fixture
def sketch(tmp_path: Path) -> Path:
    folder = tmp_path / "Blink"
    folder.mkdir()
    (folder / "Blink.ino").write_text("void setup() {}\nvoid loop() {}\n")
    return folder


def write(sketch: Path, text: str) -> Path:
    (sketch / "sketch.yaml").write_text(text)
    return sketch


def test_a_profile_is_an_environment(sketch: Path) -> None:
    env = load(write(sketch, FULL))
    assert (env.name, env.board) == ("nano", "arduino:avr:nano:cpu=atmega328")
    assert (env.src_dir, env.build_dir) == (sketch, sketch / ".fbuild" / "build" / "nano")
    assert (env.platform, env.platform_packages) == ("arduino:avr@1.8.6", ("other:avr@2.0.0-rc.1",))
    assert env.package_indexes == ("https://example.org/package_other_index.json",)
    assert env.lib_deps == (
        "ArduinoJson@6.21.3",
        f"symlink://{sketch.parent / 'mine'}",
        "https://example.org/lib.git",
        "Servo",
    )
    assert (env.upload_port, env.monitor_speed) == ("/dev/ttyUSB0", 57600)
    assert env.read_from == (sketch / "sketch.yaml",)
    assert (env.warnings, env.unsupported) == ((), ())
    assert "+<*.ino>" in env.src_filter
    assert "+<src/>" in env.src_filter
    wifi = load(sketch, "wifi")
    assert (wifi.board, wifi.monitor_speed) == ("esp8266:esp8266:d1_mini", 115200)
    assert wifi.unsupported == (f"{sketch / 'sketch.yaml'}:19: programmer is not supported",)
    assert environments(sketch) == ["nano", "wifi"]


def test_in_a_bare_folder_the_board_is_named(sketch: Path) -> None:
    env = load(sketch, "arduino:avr:uno")
    assert (env.name, env.board, env.monitor_speed) == ("arduino-avr-uno", "arduino:avr:uno", 9600)
    assert load(sketch, "uno").board == "uno"
    assert env.read_from == ()
    with pytest.raises(InvalidProject) as failure:
        load(sketch)
    assert "-e arduino:avr:uno" in failure.value.hint


def test_default_fqbn_is_an_environment_of_its_own(sketch: Path) -> None:
    env = load(write(sketch, "default_fqbn: arduino:avr:uno\ndefault_port: /dev/x\n"))
    assert (env.name, env.board, env.upload_port) == ("default", "arduino:avr:uno", "/dev/x")
    only = "profiles:\n  one:\n    fqbn: a:b:c\n"
    assert load(write(sketch, only)).name == "one"
    assert load(sketch, "x:y:z").board == "x:y:z"
    with pytest.raises(UnknownEnvironment):
        load(sketch, "two")


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("profiles:\n  a:\n    fqbn: [x]\n", 3, "must be a text"),
        ("profiles:\n  a: text\n", 2, "must hold names"),
        ("profiles:\n  a:\n    notes: x\n", 3, "no fqbn"),
        ("default_fqbn: a:b:c\ndefault_fqbn: d\n", 2, "first at line 1"),
        ("default_fqbn: 'a\n", 1, "scanning"),
        ("- a\n", 1, "names with values"),
        ("a: &x\n  b: *x\n", 1, "holds itself"),
        ("default_fqbn: a\ndefault_port_config:\n  baudrate: fast\n", 3, "baud rate"),
        ("profiles:\n  a:\n    fqbn: x\n    libraries: x\n", 4, "must be a list"),
        ("profiles:\n  a:\n    fqbn: x\n    libraries:\n      - {}\n", 5, "neither"),
    ],
)
def test_errors_have_their_line(sketch: Path, text: str, line: int, words: str) -> None:
    with pytest.raises(InvalidProject) as failure:
        load(write(sketch, text))
    assert words in str(failure.value)
    assert failure.value.line == line


def test_of_several_profiles_one_is_named(sketch: Path) -> None:
    text = "profiles:\n  a:\n    fqbn: x\n  b:\n    fqbn: y\n"
    with pytest.raises(InvalidProject, match="none is the default") as failure:
        load(write(sketch, text))
    assert "-e a, -e b" in failure.value.hint
    assert failure.value.line == 1


def test_a_slip_is_said(sketch: Path) -> None:
    env = load(write(sketch, "default_fqbn: a:b:c\ndefault_prot: x\nown: 1\n"))
    assert env.warnings == (
        f"{sketch / 'sketch.yaml'}:2: default_prot is no option; did you mean default_port?",
    )


@given(st.text(alphabet="ab:-[]{}\n '\"#&*!|>%@`\t", max_size=40))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        found = yaml_lines.parse(text, Path("x"))
    except InvalidProject:
        return
    assert set(found.lines) == set(found.values)
