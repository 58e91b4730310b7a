"""A running `fbuild`, and waiting for what it says."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import trio

DEADLINE_S = 60


class Program:
    """A running program with pipes at its ends; its stdout and stderr are one text."""

    def __init__(self, process: trio.Process) -> None:
        self._process = process
        self.text = ""
        """Everything it has said."""
        self._seen = 0

    @property
    def pid(self) -> int:
        """Its process."""
        return self._process.pid

    async def see(self, pattern: str) -> re.Match[str]:
        """Wait until a regex (over lines, `^` and `$` of each) matches what came after the last
        match; fails after DEADLINE_S or when the program ends first.
        """
        regex = re.compile(pattern, re.MULTILINE)
        with trio.move_on_after(DEADLINE_S):
            while True:
                if match := regex.search(self.text, self._seen):
                    self._seen = match.end()
                    return match
                if not await self._read():
                    raise AssertionError(f"it ended without {pattern!r}:\n{self.text}")
        raise AssertionError(f"no {pattern!r} within {DEADLINE_S} s:\n{self.text}")

    async def _read(self) -> bool:
        assert self._process.stdout is not None
        data = await self._process.stdout.receive_some()
        self.text += data.decode(errors="replace").replace("\r\n", "\n")
        return bool(data)

    async def type(self, text: str) -> None:
        """Send to its standard input."""
        assert self._process.stdin is not None
        await self._process.stdin.send_all(text.encode())

    async def end_input(self) -> None:
        """Close its standard input."""
        assert self._process.stdin is not None
        await self._process.stdin.aclose()

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal."""
        self._process.send_signal(number)

    async def ended(self) -> int:
        """Its exit code, when all it had to say was read."""
        with trio.fail_after(DEADLINE_S):
            while await self._read():
                pass
            return await self._process.wait()


def environment(scratch: Path) -> dict[str, str]:
    """The environment of a user who shares nothing with the one who runs the tests."""
    return {**os.environ, "FBUILD_RUNTIME_DIR": str(scratch / "run"), "NO_COLOR": "1"}


@asynccontextmanager
async def fbuild(*arguments: str, env: Mapping[str, str]) -> AsyncIterator[Program]:
    """Run `fbuild ARGUMENTS` for the length of the block."""
    async with python("-m", "fbuild_watch", *arguments, env=env) as program:
        yield program


@asynccontextmanager
async def python(*arguments: str, env: Mapping[str, str]) -> AsyncIterator[Program]:
    """Run `python ARGUMENTS` for the length of the block."""
    process = await trio.lowlevel.open_process(
        [sys.executable, *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env=dict(env),
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        yield Program(process)
    finally:
        with trio.CancelScope(shield=True):
            if process.returncode is None:
                process.kill()
            await process.wait()
            await process.stdin.aclose()
            await process.stdout.aclose()


async def run(*arguments: str, env: Mapping[str, str]) -> tuple[int, str, str]:
    """Run `fbuild ARGUMENTS` to its end: exit code, stdout, stderr."""
    with trio.fail_after(DEADLINE_S):
        done = await trio.run_process(
            [sys.executable, "-m", "fbuild_watch", *arguments],
            capture_stdout=True,
            capture_stderr=True,
            check=False,
            env=dict(env),
        )
    return done.returncode, done.stdout.decode(), done.stderr.decode()
