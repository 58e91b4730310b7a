"""Processes that end together (Windows): job objects. Written by the book; it has never been run.

A process is put into the job after its start, for Popen knows no other way; what it starts before
that escapes. A compiler's driver takes longer than that to start its compiler.

Source: Microsoft, "Job Objects" and the pages of the functions and structures named here.
"""

from __future__ import annotations

import ctypes
import subprocess
import sys
import threading
from contextlib import suppress
from functools import cache
from typing import Any

import trio

assert sys.platform == "win32"

_EXTENDED_LIMITS = 9
_KILL_ON_JOB_CLOSE = 0x2000
_SET_QUOTA_AND_TERMINATE = 0x0101
_ENDED_BY_US = 1


class ProcessGroup:
    """A job whose members end when its handle goes, and so with us however we end.

    Made when first needed, and again after `kill`.
    """

    _limits = _KILL_ON_JOB_CLOSE

    def __init__(self) -> None:
        self._job: int | None = None
        self._making = threading.Lock()

    @property
    def ready(self) -> bool:
        """Whether a process can be started in it at once."""
        return self._job is not None

    def make_ready(self) -> None:
        """Make the job, unless another thread has. Raises OSError."""
        with self._making:
            if not self.ready:
                self._job = _make_job(self._limits)

    def options(self) -> dict[str, Any]:
        """What to give to Popen: Ctrl-C in our console is ours to answer."""
        if not self.ready:  # it was killed since it was ready
            self.make_ready()
        return {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP}

    def add(self, process: trio.Process) -> None:
        """A process was started with `options`. One that has ended already need not be added."""
        with suppress(OSError):
            handle = _checked(_kernel().OpenProcess(_SET_QUOTA_AND_TERMINATE, False, process.pid))
            try:
                _checked(_kernel().AssignProcessToJobObject(self._job, handle))
            finally:
                _kernel().CloseHandle(handle)

    def terminate(self) -> None:
        """End all members: nothing asks a program of another console group to end by itself."""
        self.kill()

    def kill(self) -> None:
        """End all members."""
        job, self._job = self._job, None
        if job is not None:
            _kernel().TerminateJobObject(job, _ENDED_BY_US)
            _kernel().CloseHandle(job)


class LastingGroup(ProcessGroup):
    """One process and its children, which may outlive us."""

    _limits = 0


class _BasicLimits(ctypes.Structure):
    """JOBOBJECT_BASIC_LIMIT_INFORMATION."""

    _fields_ = (
        ("PerProcessUserTimeLimit", ctypes.c_int64),
        ("PerJobUserTimeLimit", ctypes.c_int64),
        ("LimitFlags", ctypes.c_uint32),
        ("MinimumWorkingSetSize", ctypes.c_size_t),
        ("MaximumWorkingSetSize", ctypes.c_size_t),
        ("ActiveProcessLimit", ctypes.c_uint32),
        ("Affinity", ctypes.c_size_t),
        ("PriorityClass", ctypes.c_uint32),
        ("SchedulingClass", ctypes.c_uint32),
    )


class _ExtendedLimits(ctypes.Structure):
    """JOBOBJECT_EXTENDED_LIMIT_INFORMATION."""

    _fields_ = (
        ("BasicLimitInformation", _BasicLimits),
        ("IoInfo", ctypes.c_uint64 * 6),
        ("ProcessMemoryLimit", ctypes.c_size_t),
        ("JobMemoryLimit", ctypes.c_size_t),
        ("PeakProcessMemoryUsed", ctypes.c_size_t),
        ("PeakJobMemoryUsed", ctypes.c_size_t),
    )


def _make_job(limits: int) -> int:
    job = _checked(_kernel().CreateJobObjectW(None, None))
    wanted = _ExtendedLimits()
    wanted.BasicLimitInformation.LimitFlags = limits
    told = ctypes.byref(wanted), ctypes.sizeof(wanted)
    _checked(_kernel().SetInformationJobObject(job, _EXTENDED_LIMITS, *told))
    return job


@cache
def _kernel() -> Any:
    """kernel32, with the types of what is used of it: handles are as wide as pointers."""
    kernel = ctypes.WinDLL("kernel32", use_last_error=True)
    handle, word = ctypes.c_void_p, ctypes.c_uint32
    kernel.CreateJobObjectW.restype = kernel.OpenProcess.restype = handle
    kernel.CreateJobObjectW.argtypes = (ctypes.c_void_p, ctypes.c_wchar_p)
    kernel.SetInformationJobObject.argtypes = (handle, ctypes.c_int, ctypes.c_void_p, word)
    kernel.OpenProcess.argtypes = (word, ctypes.c_int, word)
    kernel.AssignProcessToJobObject.argtypes = (handle, handle)
    kernel.TerminateJobObject.argtypes = (handle, ctypes.c_uint)
    kernel.CloseHandle.argtypes = (handle,)
    return kernel


def _checked(result: Any) -> int:
    """A handle, or that it went well. Raises OSError."""
    if not result:
        raise ctypes.WinError(ctypes.get_last_error())
    return int(result)
