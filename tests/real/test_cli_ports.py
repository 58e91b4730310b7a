"""`fbuild ports`: a table, JSON, nothing there, a port that is held."""

from __future__ import annotations

import json
import os
import pty
from types import SimpleNamespace

import pytest
import serial.tools.list_ports
from click.testing import CliRunner, Result

from fbuild_watch.cli.ports import command


def run(monkeypatch: pytest.MonkeyPatch, ports: list[SimpleNamespace], *options: str) -> Result:
    monkeypatch.setattr(serial.tools.list_ports, "comports", lambda: ports)
    result = CliRunner().invoke(command, options)
    assert result.exit_code == 0, result.output
    return result


def board(device: str) -> SimpleNamespace:
    return SimpleNamespace(
        device=device,
        description="CP2102N",
        vid=0x10C4,
        pid=0xEA60,
        serial_number="aa01",
        manufacturer="Silicon Labs",
    )


def test_a_table(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = run(monkeypatch, [board("/dev/ttyNOPE7")]).stdout.splitlines()
    assert lines[0].split() == ["PORT", "DESCRIPTION", "USB", "SERIAL", "NUMBER", "HELD", "BY"]
    assert lines[1].split() == ["/dev/ttyNOPE7", "CP2102N", "10c4:ea60", "aa01"]


def test_who_holds_a_port(monkeypatch: pytest.MonkeyPatch) -> None:
    master, slave = pty.openpty()
    try:
        device = board(os.ttyname(slave))
        assert f"pid {os.getpid()} (" in run(monkeypatch, [device]).stdout
        (port,) = json.loads(run(monkeypatch, [device], "--json").stdout)
    finally:
        os.close(master)
        os.close(slave)
    assert port["device"] == device.device
    assert (port["vid"], port["serial_number"]) == (0x10C4, "aa01")
    assert port["holder"]["pid"] == os.getpid()


def test_nothing_there(monkeypatch: pytest.MonkeyPatch) -> None:
    result = run(monkeypatch, [])
    assert result.stdout == ""
    assert "no serial ports" in result.stderr
    result = run(monkeypatch, [], "--json")
    assert (json.loads(result.stdout), result.stderr) == ([], "")
