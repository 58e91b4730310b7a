"""What stands between a person and a board, in words."""

from __future__ import annotations

import grp
import os
from pathlib import Path

import pytest
from click.testing import CliRunner

from fbuild_watch.cli.ports import command
from fbuild_watch.errors import PortBusy
from fbuild_watch.serial import doctor, ports
from fbuild_watch.serial.ports import PortInfo


def process(proc: Path, pid: int, name: str) -> None:
    (proc / str(pid)).mkdir(parents=True)
    (proc / str(pid) / "comm").write_text(f"{name}\n")


def test_programs_that_take_ports_are_named_once_with_what_to_do(tmp_path: Path) -> None:
    for pid, name in ((12, "bash"), (13, "ModemManager"), (14, "ModemManager"), (15, "brltty")):
        process(tmp_path, pid, name)
    (tmp_path / "self").mkdir()
    (tmp_path / "16").mkdir()  # gone before it was looked at
    manager, braille = doctor.examine([], proc=tmp_path)
    assert "ModemManager runs (pid 13)" in manager or "ModemManager runs (pid 14)" in manager
    assert "ID_MM_DEVICE_IGNORE" in manager
    assert "brltty runs (pid 15)" in braille
    assert doctor.examine([], proc=tmp_path / "nothing") == []


@pytest.fixture
def locked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> PortInfo:
    """A device that may not be opened, whoever runs the test."""
    device = tmp_path / "ttyUSB0"
    device.touch()
    monkeypatch.setattr(os, "access", lambda *_: False)
    monkeypatch.setattr(doctor, "group_of", lambda _device: "dialout")
    return PortInfo(str(device), vid=1, pid=1)


def test_missing_rights_name_the_group(locked: PortInfo, tmp_path: Path) -> None:
    (remark,) = doctor.examine([locked.device, "/dev/ttyNOPE"], proc=tmp_path)
    assert remark.startswith(f"{locked.device}: you may not open it")
    assert "usermod -aG dialout" in remark


def test_rights_that_the_session_does_not_have_yet(
    locked: PortInfo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import pwd

    me = pwd.getpwuid(os.getuid()).pw_name
    group = grp.struct_group(("dialout", "x", 20, [me]))
    monkeypatch.setattr(grp, "getgrnam", lambda _name: group)
    (remark,) = doctor.examine([locked.device], proc=tmp_path)
    assert "log in again" in remark
    assert "usermod" not in remark


def test_the_list_of_ports_says_it(locked: PortInfo, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fbuild_watch.serial.list_ports", lambda: [locked])
    monkeypatch.setattr(ports, "list_ports", lambda: [locked])
    result = CliRunner().invoke(command, ["--json"])
    assert result.exit_code == 0
    assert f"note: {locked.device}: you may not open it" in result.stderr
    assert "note" not in result.stdout


def test_a_holder_that_lets_go_by_itself_is_not_to_be_killed() -> None:
    assert "kill 7" in PortBusy("p", 7, "minicom").hint
    assert "kill" not in PortBusy("p", 7, "/usr/sbin/ModemManager").hint
