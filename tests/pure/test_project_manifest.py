"""PlatformIO's board manifests: the name of a board, and what leads nowhere."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from fbuild_watch.errors import InvalidProject
from fbuild_watch.model import Installed
from fbuild_watch.project import load, manifest
from fbuild_watch.project.planner import board_name


@pytest.mark.parametrize(
    ("flags", "board"),
    [
        ("-DARDUINO_AVR_UNO", "AVR_UNO"),
        ("-DARDUINO_ARCH_ESP32 -DARDUINO_USB_MODE=1 -D ARDUINO_ESP32_DEV", "ESP32_DEV"),
        (["-DARDUINO_USB_CDC_ON_BOOT=0", "-DARDUINO_ESP32C3_DEV"], "ESP32C3_DEV"),
        ("-DOTHER", ""),
        (None, ""),
    ],
)
def test_the_board_of_a_manifest(tmp_path: Path, flags: object, board: str) -> None:
    path = tmp_path / "x.json"
    path.write_text(json.dumps({"build": {"extra_flags": flags}}))
    assert manifest.arduino_board(path) == board


@pytest.mark.parametrize("content", ["[]", '{"build": 1}', "null"])
def test_a_manifest_of_another_shape_names_nothing(tmp_path: Path, content: str) -> None:
    (tmp_path / "x.json").write_text(content)
    assert manifest.arduino_board(tmp_path / "x.json") == ""


def test_no_json_is_refused_with_its_line(tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text("{\n}}\n")
    with pytest.raises(InvalidProject) as failure:
        manifest.arduino_board(tmp_path / "x.json")
    assert failure.value.line == 2


def test_a_board_of_the_projects_own_manifest_is_found_in_a_core(tmp_path: Path) -> None:
    (tmp_path / "platformio.ini").write_text("[env:a]\nboard = my_board\n")
    (tmp_path / "boards").mkdir()
    text = json.dumps({"build": {"extra_flags": "-DARDUINO_V_ONE"}})
    (tmp_path / "boards" / "my_board.json").write_text(text)
    core = tmp_path / "hardware" / "v" / "a"
    core.mkdir(parents=True)
    (core / "boards.txt").write_text(
        "one.name=One\none.build.board=V_ONE\ntwo.name=Two\ntwo.build.board=V_TWO\n"
    )
    env = load(tmp_path)
    assert env.arduino_board == "V_ONE"
    assert board_name(env, Installed()) == "v:a:one"
    assert env.unsupported == (
        f"{tmp_path / 'boards' / 'my_board.json'}: no more than the board's name is taken from it",
    )
