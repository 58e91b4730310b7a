"""What the running process tells without being asked again: progress, and what streams carry. Pure.

The rules of `messages.py` hold here, too.
"""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from fbuild_watch.control.wire_errors import WireError
from fbuild_watch.model import Device


class UnitBuilt(Struct, frozen=True, tag="unit"):
    """A source was compiled; `output` are the compiler's warnings."""

    source: str
    done: int
    total: int
    output: str = ""
    reused: bool = False
    """Whether it came from the object cache."""


class StepBuilt(Struct, frozen=True, tag="step"):
    """Another step of a build is through."""

    name: str
    output: str = ""


class PackageStep(Struct, frozen=True, tag="package"):
    """What is fetched or installed for a build (`packages.Progress`); `total` None: not known."""

    package: str
    step: str
    done: int = 0
    total: int | None = None
    detail: str = ""


class Remark(Struct, frozen=True, tag="remark"):
    """What a build has to say of the project's files, or of itself."""

    text: str


class FlashStep(Struct, frozen=True, tag="flash"):
    """How far a flash is; `total` is 0 where it is not known."""

    step: str
    done: int
    total: int


class DeviceFound(Struct, frozen=True, tag="device"):
    """Who answered."""

    device: Device


Step = UnitBuilt | StepBuilt | PackageStep | Remark | FlashStep | DeviceFound


class Progress(Struct, frozen=True):
    """How far the request `id` is."""

    id: int | str
    step: Step


class Text(Struct, frozen=True, tag="text"):
    """`model.DeviceText`, with `at` in seconds since the epoch."""

    text: str
    complete: bool
    at: float


class Bytes(Struct, frozen=True, tag="bytes"):
    """`model.DeviceBytes` (base64 on the wire), with `at` in seconds since the epoch."""

    data: bytes
    at: float


class Said(Struct, frozen=True, tag="notice"):
    """`model.Notice`."""

    text: str
    kind: Literal["info", "good", "bad"] = "info"
    proven: str | None = None


class State(Struct, frozen=True, tag="state"):
    """The state of a loop, each time it changes."""

    stage: str
    port_use: str
    proven: str | None
    status: str
    """The same in words."""
    chip: str = ""
    port: str = ""
    baud: int | None = None
    took: float | None = None
    """Seconds of the last pass that reached the board."""
    errors: int = 0
    """Of the newest build."""


class Pass(Struct, frozen=True, tag="pass"):
    """A pass has reached the board; its phases in seconds."""

    phases: dict[str, float]


class WriterChanged(Struct, frozen=True, tag="writer"):
    """Who types to the board from now on; None: nobody."""

    writer: str | None


class Started(Struct, frozen=True, tag="started"):
    """A project is watched."""


class Stopped(Struct, frozen=True, tag="stopped"):
    """A project is watched no more; why, if that was an error."""

    error: WireError | None = None


class LogLine(Struct, frozen=True, tag="log"):
    """A line of the log."""

    text: str


Item = Bytes | Text | Said | State | Pass | WriterChanged | Started | Stopped | LogLine
"""What streams carry. A console has Bytes, Text, Said, State and WriterChanged; `logs` LogLine;
`events` all the others."""


class StreamItem(Struct, frozen=True):
    """The next item of a stream."""

    stream: int
    item: Item
    project: str = ""


class StreamLost(Struct, frozen=True):
    """The reader was too slow: so many items are missing here."""

    stream: int
    count: int


class StreamEnded(Struct, frozen=True):
    """No more will come; why, if that was an error."""

    stream: int
    error: WireError | None = None


class Cancel(Struct, frozen=True):
    """From the client: end the request `id`. A flash that has begun to write is finished."""

    id: int | str
