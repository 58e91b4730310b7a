"""Which build of a tool runs on this machine. Pure but for asking the interpreter what it runs on.

An index names hosts by GNU triples, loosely written ("i686-mingw32", "x86_64-pc-linux-gnu"). The
patterns and the order of preference are those of Arduino's own tools: an exact match, then what
the system is known to run too (32 bit on 64 bit Windows, Intel on Apple's ARM).
"""

from __future__ import annotations

import platform
import re
import sys
from collections.abc import Iterable
from typing import NamedTuple

_INTEL_32, _INTEL_64 = r"i[3456]86", r"(amd64|x86_64)"
_PATTERNS = {
    ("linux", "amd64"): r"x86_64-.*linux-gnu",
    ("linux", "386"): rf"{_INTEL_32}-.*linux-gnu",
    ("linux", "arm64"): r"(aarch64|arm64)-linux-gnu",
    ("linux", "arm"): r"arm.*-linux-gnueabihf",
    ("linux", "riscv64"): r"riscv64-linux-gnu",
    ("windows", "amd64"): rf"{_INTEL_64}-.*(mingw32|cygwin)",
    ("windows", "386"): rf"{_INTEL_32}-.*(mingw32|cygwin)",
    ("darwin", "amd64"): r"x86_64-apple-darwin",
    ("darwin", "386"): rf"{_INTEL_32}-apple-darwin",
    ("darwin", "arm64"): r"(arm64|aarch64)-apple-darwin",
    ("freebsd", "amd64"): r"amd64-freebsd",
    ("freebsd", "386"): rf"{_INTEL_32}-freebsd",
    ("freebsd", "arm"): r"arm.*-freebsd",
}
_RUNS_TOO = {
    ("windows", "amd64"): ["386"],
    ("windows", "arm64"): ["amd64", "386"],
    ("darwin", "amd64"): ["386"],
    ("darwin", "arm64"): ["amd64", "386"],
}
_MACHINES = {
    "x86_64": "amd64", "i386": "386", "i486": "386", "i586": "386", "i686": "386", "x86": "386",
    "aarch64": "arm64", "armv6l": "arm", "armv7l": "arm",
}  # fmt: skip


class Host(NamedTuple):
    """A machine that tools run on, in Go's words, as Arduino's own tools name it."""

    system: str
    machine: str

    def __str__(self) -> str:
        return f"{self.system} {self.machine}"


def this_host() -> Host:
    """What this process runs on (32 bit programs on a 64 bit kernel are 32 bit: no such libraries)."""
    system = {"win32": "windows"}.get(sys.platform, sys.platform.rstrip("0123456789"))
    machine = platform.machine().lower()
    named = _MACHINES.get(machine, machine)
    if sys.maxsize < 1 << 32:
        named = {"amd64": "386", "arm64": "arm"}.get(named, named)
    return Host(system, named)


def rank(host: Host, triple: str) -> int:
    """How well a build for `triple` suits: 0 not at all, more is better."""
    if triple == "all":
        return 100
    machines = [host.machine, *_RUNS_TOO.get(host, [])]
    for worse, machine in enumerate(machines):
        pattern = _PATTERNS.get((host.system, machine))
        if pattern and re.search(pattern, triple):
            return 100 - worse
    return 0


def choose(host: Host, triples: Iterable[str]) -> int | None:
    """The place of the build that suits best; None where none does."""
    ranks = [rank(host, triple) for triple in triples]
    top = max(ranks, default=0)
    return ranks.index(top) if top else None
