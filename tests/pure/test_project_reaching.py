"""How a project says which board it has and how that is reset: its own options and PlatformIO's."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from fbuild_watch.errors import InvalidProject
from fbuild_watch.model import Environment
from fbuild_watch.project import load


def read(folder: Path, options: str) -> Environment:
    (folder / "platformio.ini").write_text(f"[env:a]\nboard = x\n{options}")
    return load(folder)


def test_a_project_that_says_nothing_has_any_board_and_the_usual_ways(tmp_path: Path) -> None:
    env = read(tmp_path, "")
    assert (env.reset, env.mac) == ("auto", None)


@pytest.mark.parametrize("text", ["7C:DF:A1:00:00:0F", "7c-df-a1-00-00-0f"])
def test_a_mac_is_read_as_boards_say_it(tmp_path: Path, text: str) -> None:
    assert read(tmp_path, f"custom_fbuild_mac = {text}\n").mac == "7c:df:a1:00:00:0f"


@pytest.mark.parametrize("text", ["classic", "watchdog", "D0|R1|W0.1|D1|R0|W0.05|D0"])
def test_a_reset_of_the_projects_own_goes_before_platformios(tmp_path: Path, text: str) -> None:
    options = f"custom_fbuild_reset = {text}\nboard_upload.before_reset = no_reset\n"
    assert read(tmp_path, options).reset == text


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("custom_fbuild_mac", "7c:df:a1:00:00"),
        ("custom_fbuild_mac", "board"),
        ("custom_fbuild_reset", "sideways"),
        ("custom_fbuild_reset", "D0|R2"),
        ("custom_fbuild_reset", "D0||R1"),
    ],
)
def test_what_is_neither_is_said_with_its_line(tmp_path: Path, option: str, value: str) -> None:
    with pytest.raises(InvalidProject) as caught:
        read(tmp_path, f"{option} = {value}\n")
    assert caught.value.fields()["line"] == 3
    assert option in str(caught.value)
    assert "such as" in caught.value.hint


@pytest.mark.parametrize(
    ("options", "method"),
    [
        ("board_upload.before_reset = default_reset", "auto"),
        ("board_upload.before_reset = usb_reset", "usb-jtag"),
        ("board_upload.before_reset = no_reset", "none"),
        ("board_upload.after_reset = hard_reset", "auto"),
        ("board_upload.after_reset = no_reset", "auto"),
        ("board_upload.after_reset = watchdog_reset", "watchdog"),
        ("upload_flags = --before=no-reset", "none"),
        ("upload_flags =\n  --before\n  usb_reset\n  --after\n  hard_reset", "usb-jtag"),
        ("upload_flags = --after watchdog-reset\nboard_upload.before_reset = no_reset", "none"),
        ("upload_flags = --before usb-reset\nboard_upload.before_reset = no_reset", "usb-jtag"),
        ("upload_flags = --before", "auto"),
    ],
)
def test_platformios_words_are_followed(tmp_path: Path, options: str, method: str) -> None:
    assert read(tmp_path, options + "\n").reset == method


def test_flags_that_are_followed_are_not_called_unsupported(tmp_path: Path) -> None:
    assert read(tmp_path, "upload_flags = --before=no-reset --after hard_reset\n").unsupported == ()
    (said,) = read(tmp_path, "upload_flags = --before=no-reset --no-stub\n").unsupported
    assert "platformio.ini:3: upload_flags is not supported: of the options" in said


def test_the_manifest_of_a_board_is_asked_last(tmp_path: Path) -> None:
    (tmp_path / "boards").mkdir()
    upload = {"upload": {"before_reset": "usb_reset", "speed": 460800}}
    (tmp_path / "boards" / "x.json").write_text(json.dumps(upload))
    assert read(tmp_path, "").reset == "usb-jtag"
    assert read(tmp_path, "board_upload.before_reset = default_reset\n").reset == "auto"
