"""`fbuild ports`: a table, JSON, nothing there, a port that is held."""

from __future__ import annotations

import json
import os
import pty
import re
from collections.abc import Callable
from types import SimpleNamespace

import pytest
import serial.tools.list_ports
from click.testing import CliRunner, Result

from fbuild_watch.cli.ports import command
from tests.real.conftest import ServedBoard


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
        location="1-4",
    )


def test_a_table(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = run(monkeypatch, [board("/dev/ttyNOPE7")]).stdout.splitlines()
    assert lines[0].split() == [
        "PORT", "DESCRIPTION", "USB", "SERIAL", "NUMBER", "CHIP", "MAC", "HELD", "BY",
    ]  # fmt: skip
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


def test_a_chip_on_its_own_usb_says_its_mac(monkeypatch: pytest.MonkeyPatch) -> None:
    own = board("/dev/ttyNOPE8")
    own.vid, own.pid, own.serial_number = 0x303A, 0x1001, "7C:DF:A1:00:00:01"
    odd = board("/dev/ttyNOPE9")
    odd.vid, odd.pid, odd.serial_number = 0x303A, 0x1001, "123456"
    told = json.loads(run(monkeypatch, [own, odd, board("/dev/ttyNOPE7")], "--json").stdout)
    assert [(port["chip"], port["mac"]) for port in told] == [
        (None, None), (None, "7c:df:a1:00:00:01"), (None, None),
    ]  # fmt: skip


def test_only_a_probe_asks_the_board(
    monkeypatch: pytest.MonkeyPatch, virtual_board: Callable[..., ServedBoard]
) -> None:
    served = virtual_board()
    ports = [board(served.url), board("/dev/ttyNOPE7")]
    result = run(monkeypatch, ports, "--json")
    assert [port["chip"] for port in json.loads(result.stdout)] == [None, None]
    assert "download" not in served.log
    result = run(monkeypatch, ports, "--probe", "--json")
    told = {port["device"]: port for port in json.loads(result.stdout)}
    assert told[served.url]["chip"] == "ESP32-C3"
    assert "download" in served.log
    assert re.fullmatch(r"([0-9a-f]{2}:){5}[0-9a-f]{2}", told[served.url]["mac"])
    assert told["/dev/ttyNOPE7"]["chip"] is None
    assert "/dev/ttyNOPE7: there is no port" in result.stderr
