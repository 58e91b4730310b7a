"""Sketches for the bare ESP32-C3, built as a user builds them, and run in virtual time."""

from __future__ import annotations

import re
import shutil
from collections.abc import Mapping
from pathlib import Path

import pytest
import trio

from fbuild_watch import image, project
from fbuild_watch.build import Builder
from fbuild_watch.errors import CompilerMissing
from fbuild_watch.model import Image
from fbuild_watch.project import planner
from fbuild_watch.virtual.cpu import ResetCause
from fbuild_watch.virtual.machine import Machine
from fbuild_watch.virtual.nor import Nor

EXAMPLE = Path(__file__).parents[2] / "examples" / "hello-c3"
PROBE = Path(__file__).parent / "probe_c3"
TOOLCHAINS = ("espgcc", "gcc", "zig")
SLICE = 0.001


def copied(folder: Path, toolchain: str, sources: Path | None = None) -> Path:
    """Copy the example project, with other sources if any, for one toolchain."""
    shutil.copytree(EXAMPLE, folder, ignore=shutil.ignore_patterns(".fbuild"))
    if sources is not None:
        shutil.rmtree(folder / "src")
        shutil.copytree(sources, folder / "src")
    ini = folder / "platformio.ini"
    ini.write_text(ini.read_text().replace(":devkit\n", f":devkit:toolchain={toolchain}\n"))
    return folder


def built(folder: Path) -> Image:
    """Build a project; skips the test where its toolchain is not installed."""
    try:
        plan = planner.plan(project.load(folder))
    except CompilerMissing as error:
        pytest.skip(str(error))
    trio.run(Builder(plan).build)
    return image.make(plan)


def flashed(regions: Mapping[int, bytes]) -> Nor:
    """A flash that holds these bytes and is erased elsewhere."""
    nor = Nor(bytearray(b"\xff" * 0x400000))
    for offset, data in regions.items():
        nor.program(offset, data)
    return nor


class Powered:
    """A machine in virtual time, powered on, that resets when it asks for it."""

    def __init__(self, content: Image | Nor) -> None:
        if isinstance(content, Image):
            content = flashed({region.offset: region.data for region in content.regions})
        self.machine = Machine(content.read)
        self.now = self._due = 0.0
        self.text = ""
        self.times: dict[str, float] = {}
        """When each line ended."""
        self.resets: list[ResetCause] = []
        self.machine.power_on(self.now, ResetCause.POWERON)

    def send(self, text: str) -> None:
        """Type something."""
        self.machine.receive(text.encode())
        self._due = self.now

    def until(self, pattern: str, seconds: float = 10.0) -> re.Match[str]:
        """Run until the output since the last match matches; fails after `seconds`."""
        deadline = self.now + seconds
        while not (found := re.search(pattern, self.text)):
            assert self.now < deadline, f"{pattern!r} is not in {self.text!r}"
            self.step()
        self.text = self.text[found.end() :]
        return found

    def run(self, seconds: float) -> None:
        """Let time pass."""
        deadline = self.now + seconds
        while self._due < deadline:
            self.step()
        self.now = deadline

    def step(self) -> None:
        """The next slice; one in which the firmware computed all the time takes 1 ms."""
        self.now = max(self.now, self._due)
        due = self.machine.run(self.now)
        self._take()
        cause = self.machine.reset_requested
        if cause is not None:
            self.resets.append(cause)
            self.machine.halt()
            self.machine.power_on(self.now, cause)
            self._take()
        elif due is not None:
            self._due = due if due > self.now else self.now + SLICE

    def _take(self) -> None:
        for char in self.machine.take_output().decode("latin-1"):
            self.text += char
            if char == "\n":
                line = self.text.rstrip("\r\n").rpartition("\n")[2]
                self.times.setdefault(line, self.now)
