"""Sees calls that can block, made by fbuild in a task of trio: files, sockets, programs, sleep.

Python itself tells of them (audit hooks, PEP 578), but for a few that are wrapped here. Who is to
blame is read off the stack: the call is fbuild's when a coroutine of the package, or trio itself, has
led to it without a test in between. A function that a test calls directly may block; trio and anyio
are trusted with what they do for us (a thread, a socket that does not block, a wait that is over).

Not seen: reads and writes of what was opened elsewhere, and what C code does by itself.
Imports nothing of fbuild and no trio, so it costs a started `fbuild` next to nothing.
"""

from __future__ import annotations

import os
import sys
import termios
import time
from collections.abc import Callable, Mapping
from types import FrameType
from typing import Any

TESTS = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep  # noqa: PTH100, PTH120
PACKAGE = "fbuild_watch"
LOOPS = ("trio", "anyio")

_COROUTINE, _ASYNC_GENERATOR = 0x80, 0x200
"""Of `co_flags`, as `inspect` has them."""

EVENTS = frozenset([
    "open", "os.chmod", "os.chown", "os.link", "os.listdir", "os.mkdir", "os.remove", "os.rename",
    "os.rmdir", "os.scandir", "os.symlink", "os.truncate", "os.utime", "os.walk", "glob.glob",
    "pathlib.Path.glob", "pathlib.Path.rglob", "shutil.copyfile", "shutil.copytree", "shutil.move",
    "shutil.rmtree", "tempfile.mkdtemp", "tempfile.mkstemp", "fcntl.flock", "fcntl.lockf",
    "mmap.__new__", "sqlite3.connect",
    "socket.connect", "socket.getaddrinfo", "socket.gethostbyaddr", "socket.gethostbyname",
    "socket.getnameinfo",
    "os.exec", "os.fork", "os.posix_spawn", "os.spawn", "os.system", "subprocess.Popen",
])  # fmt: skip

WRAPPED = (
    (os, "stat"), (os, "lstat"), (os, "access"), (os, "readlink"), (os, "statvfs"), (os, "fsync"),
    (os, "waitpid"), (termios, "tcdrain"), (time, "sleep"),
)  # fmt: skip
"""Functions that Python does not tell of."""

Report = Callable[[str], None]


class Guard:
    """Watches this process from `install` on; it cannot be taken out again."""

    def __init__(self, report: Report, named: Mapping[str, str]) -> None:
        """`report` gets each call in words; `named`: which functions, or classes, may (MODULE:NAME)."""
        self._report = report
        self._named = named

    def install(self) -> None:
        """Begin."""
        sys.addaudithook(self._heard)
        for module, name in WRAPPED:
            call = getattr(module, name)
            watched = self._wrapped(call, f"{module.__name__}.{name}")
            setattr(module, name, watched)
            for able in (os.supports_dir_fd, os.supports_fd, os.supports_follow_symlinks):
                able |= {watched} if call in able else set()  # shutil asks these of a function

    def _heard(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event in EVENTS and in_task() and can_block(event, arguments):
            self._judge(event, arguments)

    def _wrapped(self, call: Callable[..., Any], name: str) -> Callable[..., Any]:
        def watched(*arguments: Any, **more: Any) -> Any:
            if in_task() and can_block(name, arguments):
                self._judge(name, arguments)
            return call(*arguments, **more)

        return watched

    def _judge(self, what: str, arguments: tuple[Any, ...]) -> None:
        way = way_to(sys._getframe(2))
        if way and not any(is_in(step.partition(" ")[0], self._named) for step in way):
            self._report(f"{what}{arguments!r:.120}\n    " + "\n    ".join(way))


def in_task() -> bool:
    """Whether a task of trio runs in this thread, now."""
    lowlevel = sys.modules.get("trio.lowlevel")
    return lowlevel is not None and hasattr(lowlevel, "in_trio_task") and lowlevel.in_trio_task()


def can_block(what: str, arguments: tuple[Any, ...]) -> bool:
    """Whether it can, with these arguments."""
    first = arguments[0] if arguments else None
    if what == "socket.connect":
        return bool(first.gettimeout() != 0)
    if what == "os.waitpid":
        return not arguments[1] & os.WNOHANG
    if what == "time.sleep":
        return bool(first)
    return not isinstance(first, int)  # a file that is open already


def is_in(place: str, named: Mapping[str, str]) -> bool:
    """Whether a function is named, or its class, or a function around it."""
    return place in named or any(place.startswith(f"{name}.") for name in named)


def way_to(frame: FrameType | None) -> list[str]:
    """How fbuild has come to a call in the event loop, from the call on: MODULE:NAME and the line.

    Empty: it is not fbuild's call, but that of a test, or of trio.
    """
    way: list[str] = []
    while frame is not None and not frame.f_code.co_filename.startswith(TESTS):
        code = frame.f_code
        module = str(frame.f_globals.get("__name__", ""))
        package = module.partition(".")[0]
        if package in LOOPS and not way:
            return []
        if package == PACKAGE:
            way.append(f"{module}:{code.co_qualname} line {frame.f_lineno}")
            if code.co_flags & (_COROUTINE | _ASYNC_GENERATOR):
                return way
        elif code.co_name == "unrolled_run" and package == "trio":
            return way
        frame = frame.f_back
    return []
