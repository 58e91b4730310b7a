"""What both serial monitors are: how one is asked for, and what it has seen. No I/O."""

from __future__ import annotations

from fbuild_watch.api import asks
from fbuild_watch.api.asks import AnyPath
from fbuild_watch.api.reading import OnEvent, Reading, ignore
from fbuild_watch.control.messages import AttachAsked, Attached, WhenToWrite
from fbuild_watch.errors import ControlLost

NOT_OPEN = "the monitor is not open: use it in a with block"


class MonitorBase:
    """Of SerialMonitor and AsyncSerialMonitor."""

    def __init__(
        self,
        project: AnyPath | None = None,
        *,
        port: str | None = None,
        baud: int | None = None,
        name: str = "",
        write: WhenToWrite = "if-free",
        take_from: str | None = None,
        backlog: int = 0,
        reconnect: bool = True,
        on_event: OnEvent = ignore,
    ) -> None:
        """`name`: what others see as the writer. `baud`: of a port that no project has.

        `write`: when we become the writer; `take_from`: in the place of the one who is called so.
        `backlog`: so many of the last items first. `reconnect`: follow a process that restarts.
        """
        where = asks.absolute(project if project or port else ".")
        variables = asks.variables(where)
        asked = AttachAsked(name, where, port, baud, write, take_from, backlog, variables)
        self._reading = Reading(asked, on_event)
        self._reconnect = reconnect

    @property
    def attached(self) -> Attached:
        """The port, who writes, and whether that is us. Raises ControlLost before it is open."""
        if self._reading.attached is None:
            raise ControlLost(NOT_OPEN)
        return self._reading.attached

    @property
    def lost(self) -> int:
        """How many items we were too slow for."""
        return self._reading.lost
