"""The running process, its control channel, and the programs it starts. The tree and the rules stand in the package."""

from __future__ import annotations

from fbuild_watch.errors.base import FbuildError


class LockHeld(FbuildError):
    """Another `fbuild watch` of this user runs, or a command that has a board to itself."""

    code = "lock-held"
    exit_code = 60
    pid: int | None

    def __init__(self, pid: int | None, project: str | None, command: str | None = None) -> None:
        """`command`: one that nobody can attach to, such as `fbuild console`."""
        who = f"pid {pid}" if pid else "another process"
        where = f" on {project}" if project else ""
        hint = "use that one (fbuild attach, fbuild status), or end it with: fbuild stop"
        if command is not None:
            hint = "leave it first: with fbuild watch in its place all commands share the board"
        super().__init__(
            f"{command or 'fbuild watch'} already runs as {who}{where}",
            hint=hint,
            pid=pid,
            project=project,
            command=command,
        )


class RuntimeFolderUnsafe(FbuildError):
    """The folder of the lock and the socket is not the user's alone."""

    code = "runtime-folder-unsafe"
    exit_code = 63

    def __init__(self, folder: str, reason: str) -> None:
        super().__init__(
            f"{folder} cannot be the folder of the running process: {reason}",
            hint="set FBUILD_RUNTIME_DIR to a folder of your own, with mode 0700",
            folder=folder,
            reason=reason,
        )


class LockUnsupported(FbuildError):
    """The kernel cannot lock a file there: some network homes."""

    code = "lock-unsupported"
    exit_code = 62

    def __init__(self, folder: str, reason: str) -> None:
        super().__init__(
            f"files in {folder} cannot be locked ({reason})",
            hint="set FBUILD_RUNTIME_DIR to a folder on a local disk",
            folder=folder,
            reason=reason,
        )


class ControlError(FbuildError):
    """The way to the user's running process."""

    code = "control"
    exit_code = 60


class NotRunning(ControlError):
    """No process of this user answers."""

    code = "not-running"
    exit_code = 64

    def __init__(self, reason: str = "") -> None:
        super().__init__(
            "no fbuild watch is running" + (f" ({reason})" if reason else ""),
            hint="start one: fbuild watch, or in the background: fbuild watch --detach",
            reason=reason,
        )


class NotAnswering(ControlError):
    """A process of this user runs, and is silent: somebody has stopped it, or it hangs."""

    code = "not-answering"
    exit_code = 88
    pid: int

    def __init__(self, pid: int) -> None:
        super().__init__(
            f"fbuild watch runs as pid {pid} and does not answer",
            hint=f"let it go on (kill -CONT {pid}) if it was stopped, or end it: kill -9 {pid}",
            pid=pid,
        )


class NotWatched(ControlError):
    """A process runs, and this project is none of those that it watches."""

    code = "not-watched"
    exit_code = 70

    def __init__(self, project: str, watched: list[str]) -> None:
        others = f"name one that it watches ({', '.join(watched)}), or " if watched else ""
        super().__init__(
            f"the running fbuild does not watch {project}",
            hint=f"{others}watch it too: fbuild watch --detach {project}",
            project=project,
            watched=watched,
        )


class ControlLost(ControlError):
    """The running process went away in the middle of a request."""

    code = "control-lost"
    exit_code = 65

    def __init__(self, reason: str) -> None:
        super().__init__(
            f"the running fbuild went away ({reason})",
            hint="what it was writing it finishes first; see fbuild status and fbuild logs",
            reason=reason,
        )


class ControlRefused(ControlError):
    """The caller could not show that it is the process's own user, or there is no place for it."""

    code = "control-refused"
    exit_code = 66

    def __init__(self, reason: str, *, hint: str = "only the user who runs it may use it") -> None:
        super().__init__(
            f"the running fbuild does not take requests from here: {reason}",
            hint=hint,
            reason=reason,
        )


class InvalidRequest(ControlError):
    """A frame that is no request: no JSON, no JSON-RPC 2.0, no such method, wrong parameters."""

    code = "invalid-request"
    exit_code = 67
    rpc_code: int
    """The number that JSON-RPC 2.0 has for it."""

    def __init__(self, reason: str, rpc_code: int) -> None:
        super().__init__(
            f"the request is not understood: {reason}",
            hint="the protocol is described in docs/control.md",
            reason=reason,
            rpc_code=rpc_code,
        )


class VersionSkew(ControlError):
    """The running process and its caller do not speak the same protocol."""

    code = "version-skew"
    exit_code = 68
    stepping_down: bool
    """Whether the running one, which nobody used, ends for the newer caller."""

    def __init__(self, ours: str, theirs: str, *, stepping_down: bool = False) -> None:
        super().__init__(
            f"the running fbuild is version {theirs}, this is {ours}: they do not understand "
            "each other" + (", and it steps down" if stepping_down else ""),
            hint="try again"
            if stepping_down
            else "end the running one with `fbuild stop` and start it again",
            ours=ours,
            theirs=theirs,
            stepping_down=stepping_down,
        )


class EndpointInUse(ControlError):
    """The TCP port that we were told to use cannot be had: most often another program listens there."""

    code = "endpoint-in-use"
    exit_code = 73

    def __init__(self, tcp_port: int, reason: str = "it is in use") -> None:
        super().__init__(
            f"TCP port {tcp_port} of this machine cannot be listened on: {reason}",
            hint="leave the number out: any free port will do",
            tcp_port=tcp_port,
            reason=reason,
        )


class WriterBusy(ControlError):
    """Somebody else types to this board."""

    code = "writer-busy"
    exit_code = 69
    writer: str

    def __init__(self, port: str, writer: str) -> None:
        super().__init__(
            f"{writer} is writing to {port or 'the board'}",
            hint=f"read along, or take over: fbuild attach --take-from {writer!r}",
            port=port,
            writer=writer,
        )


class LogUnreadable(FbuildError):
    """The log of a process in the background is there, and cannot be read."""

    code = "log-unreadable"
    exit_code = 74

    def __init__(self, path: str, reason: str) -> None:
        super().__init__(
            f"the log {path} cannot be read: {reason}",
            hint="make it a file of your own, or move it away; the next process begins a new one",
            path=path,
            reason=reason,
        )


class FileUnwritable(FbuildError):
    """A file that the user has named cannot be written."""

    code = "file-unwritable"
    exit_code = 81

    def __init__(self, path: str, reason: str) -> None:
        super().__init__(
            f"{path} cannot be written: {reason}",
            hint="name a file in a folder that is there, and that is yours",
            path=path,
            reason=reason,
        )


class TimedOut(FbuildError):
    """The caller's own limit passed. Raised by the API."""

    code = "timed-out"
    exit_code = 75

    def __init__(self, what: str, seconds: float) -> None:
        super().__init__(
            f"{what} was not done within {seconds:g} s",
            hint="raise the timeout, or see what the process does: fbuild status",
            what=what,
            seconds=seconds,
        )


class CommandNotStarted(FbuildError):
    """The system did not start a program."""

    code = "command-not-started"
    exit_code = 82
    program: str
    missing: bool
    """Whether there is no such program."""

    def __init__(self, program: str, reason: str, *, missing: bool = False, hint: str = "") -> None:
        usual = "is it installed, and on PATH?" if missing else "look at its file's permissions"
        super().__init__(
            f"{program} cannot be started: {reason}",
            hint=hint or usual,
            program=program,
            reason=reason,
            missing=missing,
        )
