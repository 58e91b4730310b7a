"""What is asked of the running process, and what it answers: the types of the wire. Pure.

Rules
- Paths are absolute: the process does not know where its client stands (`checks.py` looks).
- A field may be added with a default; one that goes or changes its meaning makes a new PROTOCOL.
- What a client would have used by its environment travels in `variables` (`variables.py`).
"""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct

from fbuild_watch.control.news import Cancel, Progress, StreamEnded, StreamItem, StreamLost
from fbuild_watch.model import (
    CommandName,
    EraseReport,
    FlashReport,
    UploadReport,
    VerifyReport,
)

PROTOCOL = 1

Variables = dict[str, str]

Count = Annotated[int, Meta(ge=0)]
Baud = Annotated[int, Meta(ge=1, le=(1 << 31) - 1)]


class Nothing(Struct, frozen=True):
    """No parameters, or no more to say than that it is done."""


class Hello(Struct, frozen=True):
    """The first request of every connection."""

    protocol: int
    version: str
    name: str
    """Who it is, in words for people: "fbuild console, pid 42"."""
    token: str = ""
    """Over TCP: the content of the token file. A Unix socket's peer is known to the kernel."""


class Welcome(Struct, frozen=True):
    """The process, in answer to Hello."""

    protocol: int
    version: str
    pid: int


# --- what runs -----------------------------------------------------------------------------


class ProjectStatus(Struct, frozen=True):
    """One project that is watched."""

    project: str
    environment: str | None
    port: str
    """Empty: none is open."""
    stage: str
    """idle, building, checking or writing (`loop.Pass`)."""
    port_use: str
    """closed, console, flasher or lost (`loop.PortUse`)."""
    proven: str | None
    """The build that the board has proven to hold."""
    built: str | None
    """The newest good build."""
    paused: bool
    writer: str | None
    """Who types to the board."""
    phases: dict[str, float] = {}
    """Seconds, of the last pass that reached the board."""


class Status(Struct, frozen=True):
    """The running process."""

    pid: int
    version: str
    started_at: float
    """Seconds since the epoch."""
    endpoint: str
    projects: list[ProjectStatus]
    clients: list[str]
    busy: list[str]
    """What is being done for clients, in words."""
    log: str | None = None
    """The log file, of a process in the background."""


class PortsAsked(Struct, frozen=True):
    """The serial ports; `probe`: also who is on them, which restarts the boards."""

    probe: bool = False


class PortHolder(Struct, frozen=True):
    """A process that has a port open."""

    pid: int
    command: str


class PortStatus(Struct, frozen=True):
    """A serial port of this machine."""

    device: str
    description: str = ""
    vid: int | None = None
    pid: int | None = None
    serial_number: str | None = None
    manufacturer: str | None = None
    location: str | None = None
    chip: str | None = None
    """None: the board was not asked, or did not answer."""
    mac: str | None = None
    holder: PortHolder | None = None
    problem: str = ""
    """Why a probe got no answer."""


class Ports(Struct, frozen=True):
    """All of them."""

    ports: list[PortStatus]


class LogsAsked(Struct, frozen=True):
    """The end of the log: so many lines; `follow`: and those that come, as a stream of LogLine."""

    lines: Count = 100
    follow: bool = False


class Logs(Struct, frozen=True):
    """The log file (None: it runs in a terminal and has none), and its last lines."""

    path: str | None
    lines: list[str]
    stream: int | None = None
    """Where the lines that come are, if that was asked."""


class ShutdownAsked(Struct, frozen=True):
    """End in good order; `only_if_idle`: unless a project is watched, something is under way, or
    somebody else is connected.
    """

    only_if_idle: bool = False


class ShutdownAnswer(Struct, frozen=True):
    """Whether it will end."""

    stopping: bool


# --- work ----------------------------------------------------------------------------------


class BuildAsked(Struct, frozen=True):
    """Build an environment of a project."""

    project: str
    environment: str | None = None
    clean: bool = False
    variables: Variables = {}


class BuiltRegion(Struct, frozen=True):
    """A region of the image; its bytes stay in the build folder."""

    name: str
    offset: int
    size: int


class BuildDone(Struct, frozen=True):
    """What was built."""

    build_id: str
    build_dir: str
    regions: list[BuiltRegion]
    compiled: list[str]
    linked: bool
    phases: dict[str, float]


class FlashAsked(Struct, frozen=True):
    """Build (unless `no_build`) and bring the board up to date; or flash `images`, as they are."""

    project: str | None = None
    environment: str | None = None
    port: str | None = None
    images: list[str] = []
    """OFFSET=PATH each, with absolute paths."""
    no_build: bool = False
    variables: Variables = {}
    mac: str | None = None
    """The board that it has to be; None: any."""
    reset: str = "auto"
    """How it is brought into its bootloader (`flash.Line.reset`)."""


class Flashed(Struct, frozen=True):
    """What was done: by us, proven by the device's digests, or by the core's own program."""

    flash: FlashReport | None = None
    upload: UploadReport | None = None


class EraseAsked(Struct, frozen=True):
    """Erase partitions of a project's board, or of the one on a port; none named: all its flash."""

    project: str | None = None
    environment: str | None = None
    port: str | None = None
    names: list[str] = []
    variables: Variables = {}


class ReadAsked(Struct, frozen=True):
    """Read a board's flash into a file."""

    offset: Count
    size: Count
    file: str
    """Absolute; replaced when everything was read."""
    project: str | None = None
    environment: str | None = None
    port: str | None = None
    variables: Variables = {}


class ReadDone(Struct, frozen=True):
    """It is in the file, and proven by the device's digest."""

    port: str


class ResetAsked(Struct, frozen=True):
    """Restart the firmware of a project's board, or of the one on a port."""

    project: str | None = None
    environment: str | None = None
    port: str | None = None
    bootloader: bool = False
    """Into the ROM bootloader, where it stays."""
    variables: Variables = {}


class WatchAsked(Struct, frozen=True):
    """Watch a project from now on."""

    project: str
    environment: str | None = None
    port: str | None = None
    variables: Variables = {}


class ProjectAsked(Struct, frozen=True):
    """A project that is watched."""

    project: str


class PauseAsked(Struct, frozen=True):
    """Whether edits of a project are to wait."""

    project: str
    paused: bool


# --- the console ---------------------------------------------------------------------------


WhenToWrite = Literal["no", "when-typing", "if-free", "yes"]
"""When a client becomes the writer: never; once it writes and nobody else does; now, if nobody does;
now, or WriterBusy."""


class AttachAsked(Struct, frozen=True):
    """Read what a board says: that of a watched project, or the one on a port.

    With a port, `project` is a folder whose ELFs its panics are decoded with.
    """

    name: str
    """What others see as the writer."""
    project: str | None = None
    port: str | None = None
    baud: Baud | None = None
    write: WhenToWrite = "if-free"
    take_from: str | None = None
    """The name of the writer who is to give way."""
    backlog: Count = 0
    """So many of the last items first."""
    variables: Variables = {}


class Attached(Struct, frozen=True):
    """The stream of a console."""

    stream: int
    port: str
    writer: str | None
    writing: bool
    """Whether this client is the writer."""


class WriteAsked(Struct, frozen=True):
    """Bytes for the board (base64 on the wire)."""

    stream: int
    data: bytes


class CommandAsked(Struct, frozen=True):
    """A command of the console."""

    stream: int
    name: CommandName
    """But for "quit": a client leaves by `detach`."""
    arguments: list[str] = []


class StreamAsked(Struct, frozen=True):
    """An open stream."""

    stream: int


class Opened(Struct, frozen=True):
    """A stream."""

    stream: int


REQUESTS: dict[str, tuple[type[Struct], type]] = {
    "hello": (Hello, Welcome),
    "status": (Nothing, Status),
    "ports": (PortsAsked, Ports),
    "logs": (LogsAsked, Logs),
    "shutdown": (ShutdownAsked, ShutdownAnswer),
    "build": (BuildAsked, BuildDone),
    "flash": (FlashAsked, Flashed),
    "verify": (FlashAsked, VerifyReport),
    "reset": (ResetAsked, Nothing),
    "erase": (EraseAsked, EraseReport),
    "read": (ReadAsked, ReadDone),
    "watch.start": (WatchAsked, Nothing),
    "watch.stop": (ProjectAsked, Nothing),
    "watch.pause": (PauseAsked, Nothing),
    "attach": (AttachAsked, Attached),
    "write": (WriteAsked, Nothing),
    "release": (StreamAsked, Nothing),
    "command": (CommandAsked, Nothing),
    "events": (Nothing, Opened),
    "detach": (StreamAsked, Nothing),
}
"""method -> what it takes and what it answers"""

NOTICES: dict[str, type[Struct]] = {
    "progress": Progress,
    "item": StreamItem,
    "lost": StreamLost,
    "ended": StreamEnded,
    "cancel": Cancel,
}
"""Notifications: the last one is the client's, the others the process's."""
