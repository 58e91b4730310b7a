"""The processes of a build as one process group, which dies with us however we die.

The group's first member is a keeper: a shell that waits for the end of a pipe whose other end only
this process has. When we end, `kill -9` included, the pipe ends, and the keeper kills the group:
compilers, their children, and itself.

Why not PR_SET_PDEATHSIG: it needs code between fork and exec (unsafe with threads, and it costs
the fast vfork), it is sent when the *thread* that started the child ends, and children of the
child do not inherit it.
"""

from __future__ import annotations

import contextlib
import os
import signal
import weakref
from typing import Any

_KEEPER = ("/bin/sh", "-c", "trap '' TERM INT HUP; read -r _; kill -KILL 0")


class ProcessGroup:
    """A group to start processes in; made when first needed."""

    def __init__(self) -> None:
        self._keeper: _Keeper | None = None

    def options(self) -> dict[str, Any]:
        """What to give to Popen."""
        if self._keeper is None or not self._keeper.alive():
            self._keeper = _Keeper()
        return {"process_group": self._keeper.pid}

    def terminate(self) -> None:
        """Ask all members to end (SIGTERM)."""
        if self._keeper is not None:
            _signal(self._keeper.pid, signal.SIGTERM)

    def kill(self) -> None:
        """End all members (SIGKILL), the keeper too."""
        if self._keeper is not None:
            self._keeper.close()
            self._keeper = None


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
    """Signal a group whose keeper is not reaped, so the number is ours; it may be dead already."""
    with contextlib.suppress(ProcessLookupError, PermissionError):  # macOS says EPERM of zombies
        os.killpg(group, number)
