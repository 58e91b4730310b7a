"""Processes that end together (POSIX).

A ProcessGroup dies with us however we die. Its first member is a keeper: a shell that waits for the
end of a pipe whose other end only this process has. When we end, `kill -9` included, the pipe ends,
and the keeper kills the group: compilers, their children, and itself. A LastingGroup has no keeper.

Why not PR_SET_PDEATHSIG: it needs code between fork and exec (unsafe with threads, and it costs
the fast vfork), it is sent when the *thread* that started the child ends, and children of the
child do not inherit it.
"""

from __future__ import annotations

import contextlib
import os
import signal
import threading
import weakref
from typing import Any

import trio

_KEEPER = ("/bin/sh", "-c", "trap '' TERM INT HUP; read -r _; kill -KILL 0")


class ProcessGroup:
    """A group to start processes in; made when first needed, and again after `kill`."""

    def __init__(self) -> None:
        self._keeper: _Keeper | None = None
        self._making = threading.Lock()

    @property
    def ready(self) -> bool:
        """Whether a process can be started in it without waiting for its keeper's start."""
        return self._keeper is not None and self._keeper.alive()

    def make_ready(self) -> None:
        """Start the keeper, unless another thread has. Blocks for a millisecond. Raises OSError."""
        with self._making:
            if not self.ready:
                self._keeper = _Keeper()

    def options(self) -> dict[str, Any]:
        """What to give to Popen."""
        if self._keeper is None:  # it was killed since it was ready
            self.make_ready()
        assert self._keeper is not None
        return {"process_group": self._keeper.pid}

    def add(self, process: trio.Process) -> None:
        """A process was started with `options`."""

    def terminate(self) -> None:
        """Ask all members to end (SIGTERM)."""
        if self._keeper is not None:
            _signal(self._keeper.pid, signal.SIGTERM)

    def kill(self) -> None:
        """End all members (SIGKILL), the keeper too."""
        if self._keeper is not None:
            self._keeper.close()
            self._keeper = None


class LastingGroup:
    """One process and its children, in a session of their own, which may outlive us."""

    ready = True

    def __init__(self) -> None:
        self._leader: trio.Process | None = None

    def make_ready(self) -> None:
        """Nothing: it always is."""

    def options(self) -> dict[str, Any]:
        """What to give to Popen."""
        return {"start_new_session": True}

    def add(self, process: trio.Process) -> None:
        """A process was started with `options`."""
        self._leader = process

    def terminate(self) -> None:
        """Ask all members to end (SIGTERM)."""
        self._signal(signal.SIGTERM)

    def kill(self) -> None:
        """End all members (SIGKILL)."""
        self._signal(signal.SIGKILL)

    def _signal(self, number: signal.Signals) -> None:
        # Once its leader is reaped, the number may be another group's.
        if self._leader is not None and self._leader.returncode is None:
            _signal(self._leader.pid, number)


class _Keeper:
    """The keeper's process. It is not reaped before `close`, so its pid stays the group's."""

    def __init__(self) -> None:
        theirs, ours = os.pipe()
        try:
            self.pid = os.posix_spawn(
                _KEEPER[0], _KEEPER, {},
                file_actions=[
                    (os.POSIX_SPAWN_DUP2, theirs, 0),
                    (os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0),
                    (os.POSIX_SPAWN_DUP2, 1, 2),
                ],
                setpgroup=0,
            )  # fmt: skip
        except BaseException:
            os.close(ours)
            raise
        finally:
            os.close(theirs)
        self.close = weakref.finalize(self, _end, self.pid, ours)

    def alive(self) -> bool:
        """Whether it can still guard (somebody may have killed it)."""
        return os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None


def _end(pid: int, pipe: int) -> None:
    """Kill the group, and reap its keeper."""
    os.close(pipe)
    _signal(pid, signal.SIGKILL)
    os.waitpid(pid, 0)


def _signal(group: int, number: signal.Signals) -> None:
    """Signal a group whose leader is not reaped, so the number is ours; it may be dead already."""
    with contextlib.suppress(ProcessLookupError, PermissionError):  # macOS says EPERM of zombies
        os.killpg(group, number)
