"""What ends the process in good order: signals, and on Windows what happens to its console.

Windows tells of a closed console window, a logoff and a shutdown by neither SIGINT nor SIGBREAK;
SetConsoleCtrlHandler does, in a thread of the system's, and the process is killed as soon as that
returns (Microsoft, "HandlerRoutine callback function"). So the handler does not return before the
process has ended by itself, or the system's patience has.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import trio

from fbuild_watch.system.end_signals import END_SIGNALS

_CLOSE, _LOGOFF, _SHUTDOWN = 2, 5, 6
_PATIENCE_S = 20.0


async def listen(
    asked: Callable[[], None], *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED
) -> None:
    """Call `asked` each time the process is told to end, until cancelled."""
    with trio.open_signal_receiver(*END_SIGNALS) as signals, _console_events(asked):
        task_status.started()
        async for _ in signals:
            asked()


@contextmanager
def _console_events(asked: Callable[[], None]) -> Iterator[None]:
    if sys.platform != "win32":
        yield
        return
    import ctypes  # pragma: no cover

    token = trio.lowlevel.current_trio_token()

    def handle(event: int) -> bool:
        if event not in (_CLOSE, _LOGOFF, _SHUTDOWN):
            return False  # Python's own handler makes signals of the others
        with suppress(trio.RunFinishedError):
            token.run_sync_soon(asked)
        time.sleep(_PATIENCE_S)  # until the process is gone, with this thread in it
        return True

    kernel: Any = ctypes.WinDLL("kernel32", use_last_error=True)
    routine = ctypes.WINFUNCTYPE(ctypes.c_int, ctypes.c_uint32)(handle)
    kernel.SetConsoleCtrlHandler(routine, True)
    try:
        yield
    finally:
        kernel.SetConsoleCtrlHandler(routine, False)
