"""Every error that a user or a caller of fbuild can meet, and nothing else.

    FbuildError
     +- InternalError          a defect of ours; the details are in a file
     +- ProjectError           InvalidProject, UnknownEnvironment, UnknownBoard
     +- BuildError             CompilerMissing, CompileFailed, LinkFailed, StepFailed
     +- ImageError             InvalidImage, InvalidPartitions, ImageTooBig
     +- PortError              PortNotFound, PortAmbiguous, PortBusy, PortDenied,
     |                         PortLost (it broke), PortUnusable (no such feature)
     +- FlashError             NoAnswer, WrongChip, VerifyFailed, ConnectionLost,
     |                         SecureDownloadMode, FlashCancelled, FlashDiffers,
     |                         UnknownRegion, BeyondFlash, NotConfirmed, FlashEncrypted,
     |                         SecureBoot, WrongBoard, InvalidReset, UploadFailed, ToolMissing,
     |                         UploadStalled, NoDigests
     +- LockHeld               another `fbuild watch` runs
     +- RuntimeFolderUnsafe    others could have made or changed the folder of the lock
     +- LockUnsupported        the kernel cannot lock there
     +- ControlError           NotRunning, ControlLost, ControlRefused, InvalidRequest,
     |                         VersionSkew, WriterBusy, EndpointInUse
     +- TimedOut               the caller's own limit passed
     +- ConsoleError           ExpectTimeout, FailMatched, InvalidPattern
     +- BoardUnusable          the virtual board cannot be set up
     +- PackageError           PackageNotFound, UnsupportedPackage, InvalidIndex, DownloadFailed,
                               Offline, ChecksumMismatch, UnsafeArchive, InvalidArchive,
                               PackageInUse, StoreUnusable

Rules
- `str(error)` says what happened, with the values. `hint` says what to do next. `code` is
  stable and for programs; `exit_code` is what a command ends with. `fields()` are the typed values.
- Callers branch on the type or the code, never on the text.
- Foreign exceptions are translated where the foreign library is called, in one place for each.
"""

from __future__ import annotations

from typing import Any, ClassVar


class FbuildError(Exception):
    """The base: what happened (`str`), what to do next (`hint`), a stable `code`, an exit code."""

    code: ClassVar[str] = "error"
    exit_code: ClassVar[int] = 1

    def __init__(self, message: str, *, hint: str = "", **fields: Any) -> None:
        super().__init__(message)
        self.hint = hint
        self._fields = fields
        for name, value in fields.items():
            setattr(self, name, value)

    def fields(self) -> dict[str, Any]:
        """The values the error is about, by name (for JSON and for tests)."""
        return dict(self._fields)


class InternalError(FbuildError):
    """A defect of fbuild itself."""

    code = "internal"
    exit_code = 1


# --- project -------------------------------------------------------------------------------


class ProjectError(FbuildError):
    """The project's own files do not say what to do."""

    code = "project"
    exit_code = 10


class InvalidProject(ProjectError):
    """A project file cannot be read as what it should be."""

    code = "invalid-project"
    path: str
    line: int | None

    def __init__(self, message: str, *, path: str, line: int | None = None, hint: str = "") -> None:
        where = f"{path}:{line}" if line is not None else path
        super().__init__(f"{where}: {message}", hint=hint, path=path, line=line)


class UnknownEnvironment(ProjectError):
    """`-e NAME` names no [env:NAME]."""

    code = "unknown-environment"
    exit_code = 11
    environment: str

    def __init__(self, environment: str, known: list[str], path: str) -> None:
        super().__init__(
            f"there is no environment {environment!r} in {path}",
            hint=f"the file has: {', '.join(known) or 'none'}",
            environment=environment,
            known=known,
            path=path,
        )


class UnknownBoard(ProjectError):
    """`board = NAME` names no board that can be found."""

    code = "unknown-board"
    exit_code = 12
    board: str

    def __init__(self, board: str, *, searched: list[str], hint: str) -> None:
        where = ", ".join(searched) or "nowhere: the project has no hardware folder"
        super().__init__(
            f"board {board!r} is not known (looked in: {where})",
            hint=hint,
            board=board,
            searched=searched,
        )


# --- build ---------------------------------------------------------------------------------


class BuildError(FbuildError):
    """The sources did not become an image."""

    code = "build"
    exit_code = 20


class CompilerMissing(BuildError):
    """No compiler for this board is installed."""

    code = "compiler-missing"
    exit_code = 21

    def __init__(self, board: str, tried: list[str], *, hint: str) -> None:
        super().__init__(
            f"no compiler for board {board!r} was found (tried: {', '.join(tried)})",
            hint=hint,
            board=board,
            tried=tried,
        )


class CompileFailed(BuildError):
    """A compiler refused a source; its own words are in `diagnostics`."""

    code = "compile-failed"
    exit_code = 22
    diagnostics: str

    def __init__(self, sources: list[str], diagnostics: str) -> None:
        some = ", ".join(sources)
        super().__init__(
            f"{some} did not compile",
            hint="the compiler's words are above; the board keeps running what it has",
            sources=sources,
            diagnostics=diagnostics,
        )


class LinkFailed(BuildError):
    """The linker refused; its own words are in `diagnostics`."""

    code = "link-failed"
    exit_code = 23
    diagnostics: str

    def __init__(self, output: str, diagnostics: str) -> None:
        super().__init__(
            f"{output} did not link",
            hint="the linker's words are above; the board keeps running what it has",
            output=output,
            diagnostics=diagnostics,
        )


class StepFailed(BuildError):
    """A step of the core's recipe (archive, hook) failed."""

    code = "step-failed"
    exit_code = 24
    diagnostics: str

    def __init__(self, step: str, diagnostics: str) -> None:
        super().__init__(
            f"the step {step} of the build failed",
            hint="its own words are above",
            step=step,
            diagnostics=diagnostics,
        )


# --- image ---------------------------------------------------------------------------------


class ImageError(FbuildError):
    """The built or given files are no image for this board."""

    code = "image"
    exit_code = 30


class InvalidImage(ImageError):
    """A file is not what its place in flash needs."""

    code = "invalid-image"


class InvalidPartitions(ImageError):
    """The partition table breaks a rule of ESP-IDF's."""

    code = "invalid-partitions"
    exit_code = 31

    def __init__(self, message: str, *, path: str, line: int | None = None, hint: str = "") -> None:
        where = f"{path}:{line}" if line is not None else path
        super().__init__(f"{where}: {message}", hint=hint, path=path, line=line)


class ImageTooBig(ImageError):
    """A region does not fit its partition or the flash."""

    code = "image-too-big"
    exit_code = 32

    def __init__(self, region: str, size: int, limit: int, limit_name: str) -> None:
        super().__init__(
            f"{region} is {size:,} bytes, {size - limit:,} more than {limit_name} holds ({limit:,})",
            hint="make it smaller, or give it a larger partition",
            region=region,
            size=size,
            limit=limit,
        )


# --- port ----------------------------------------------------------------------------------


class PortError(FbuildError):
    """The way to the board."""

    code = "port"
    exit_code = 40
    port: str


class PortNotFound(PortError):
    """There is no such port, or no board at all."""

    code = "port-not-found"
    exit_code = 41

    def __init__(self, port: str | None, *, known: list[str] | None = None, hint: str = "") -> None:
        what = f"there is no port {port}" if port else "no board is connected"
        seen = ", ".join(known) if known else "none"
        super().__init__(
            what,
            hint=hint or f"ports seen: {seen}; plug the board in, or name its port with --port",
            port=port,
            known=known or [],
        )


class PortAmbiguous(PortError):
    """Several boards are connected and none was named."""

    code = "port-ambiguous"
    exit_code = 42

    def __init__(self, ports: list[str]) -> None:
        super().__init__(
            f"{len(ports)} boards are connected: {', '.join(ports)}",
            hint="name one with --port, or set upload_port in platformio.ini",
            ports=ports,
        )


class PortBusy(PortError):
    """Another process holds the port."""

    code = "port-busy"
    exit_code = 43
    pid: int | None
    command: str | None

    def __init__(self, port: str, pid: int | None = None, command: str | None = None) -> None:
        who = f"by pid {pid} ({command})" if pid else "by another process"
        super().__init__(
            f"{port} is held {who}",
            hint=f"close that program (kill {pid} ends it)" if pid else "close the other program",
            port=port,
            pid=pid,
            command=command,
        )


class PortDenied(PortError):
    """The user may not open the port."""

    code = "port-denied"
    exit_code = 44

    def __init__(self, port: str, hint: str) -> None:
        super().__init__(f"you may not open {port}", hint=hint, port=port)


class PortLost(PortError):
    """The port was open and broke: unplugged, or the server went away."""

    code = "port-lost"
    exit_code = 45

    def __init__(self, port: str, reason: str) -> None:
        super().__init__(
            f"{port} went away ({reason})", hint="plug the board in again", port=port, reason=reason
        )


class PortUnusable(PortError):
    """The port is there but cannot do what was asked of it (no modem lines, bad baud, bad URL)."""

    code = "port-unusable"
    exit_code = 46

    def __init__(self, port: str, reason: str, *, hint: str) -> None:
        super().__init__(f"{port}: {reason}", hint=hint, port=port, reason=reason)


# --- flash ---------------------------------------------------------------------------------


class FlashError(FbuildError):
    """The board did not take, or did not prove, the image."""

    code = "flash"
    exit_code = 50
    port: str


class NoAnswer(FlashError):
    """Nothing on the port answers as a bootloader."""

    code = "no-answer"
    exit_code = 51

    def __init__(self, port: str, reason: str, *, hint: str = "") -> None:
        super().__init__(
            f"the board on {port} does not answer ({reason})",
            hint=hint or "hold BOOT, press and release RESET, release BOOT, and try again",
            port=port,
            reason=reason,
        )


class WrongChip(FlashError):
    """The chip that answers is not the one the image is for."""

    code = "wrong-chip"
    exit_code = 52

    def __init__(self, port: str, expected: str, found: str) -> None:
        super().__init__(
            f"the chip on {port} is {found}, the image is for {expected}",
            hint="choose the right board in platformio.ini, or the right --port",
            port=port,
            expected=expected,
            found=found,
        )


class VerifyFailed(FlashError):
    """After the write, the device's digest is not the image's."""

    code = "verify-failed"
    exit_code = 53

    def __init__(self, port: str, region: str, offset: int, *, erased: bool = False) -> None:
        what = (
            "erasing, {} at {:#x} is not empty"
            if erased
            else "writing, {} at {:#x} is not what was sent"
        )
        super().__init__(
            f"after {what.format(region, offset)}",
            hint="the region is not usable now: flash again; if it stays so, the flash is worn "
            "or its supply is weak",
            port=port,
            region=region,
            offset=offset,
        )


class ConnectionLost(FlashError):
    """The board stopped answering in the middle. `gone`: the port itself went away."""

    code = "connection-lost"
    exit_code = 54
    written: bool
    gone: bool

    def __init__(self, port: str, step: str, reason: str, *, written: bool, gone: bool) -> None:
        state = "its flash is half written" if written else "its flash was not touched"
        super().__init__(
            f"the board on {port} stopped answering while {step} ({reason}); {state}",
            hint="check the cable, then flash again: what is right already is not written twice",
            port=port,
            step=step,
            reason=reason,
            written=written,
            gone=gone,
        )


class SecureDownloadMode(FlashError):
    """The chip is locked down so far that it cannot be asked what it holds."""

    code = "secure-download-mode"
    exit_code = 55

    def __init__(self, port: str) -> None:
        super().__init__(
            f"the chip on {port} is in Secure Download Mode: it gives no digests, "
            "so nothing can be proven",
            hint="flash it with esptool by hand, or use a development board",
            port=port,
        )


class FlashEncrypted(FlashError):
    """The chip decrypts what it reads: plain images would not run on it."""

    code = "flash-encrypted"
    exit_code = 91

    def __init__(self, port: str) -> None:
        super().__init__(
            f"flash encryption is enabled on the chip on {port}: a plain image would not run there",
            hint="flash it with esptool write-flash --encrypt, or use a development board",
            port=port,
        )


class SecureBoot(FlashError):
    """The chip runs signed images only."""

    code = "secure-boot"
    exit_code = 92

    def __init__(self, port: str) -> None:
        super().__init__(
            f"secure boot is enabled on the chip on {port}: it runs signed images only",
            hint="sign the image and flash it with esptool, or use a development board",
            port=port,
        )


class WrongBoard(FlashError):
    """The board that answers is not the one that was asked for."""

    code = "wrong-board"
    exit_code = 93

    def __init__(self, port: str, expected: str, found: str) -> None:
        super().__init__(
            f"the board on {port} has the MAC {found}, not {expected}; it was not touched",
            hint="choose the right --port (fbuild ports), or leave --mac away",
            port=port,
            expected=expected,
            found=found,
        )


class InvalidReset(FlashError):
    """A reset method that is neither a known one nor a sequence: wrong usage."""

    code = "invalid-reset"
    exit_code = 94

    def __init__(self, text: str, part: str, names: list[str]) -> None:
        super().__init__(
            f"the reset {text!r} is no method and no sequence of steps (at {part!r})",
            hint=f"use one of {', '.join(names)}, or steps such as D0|R1|W0.1|D1|R0|W0.05|D0",
            text=text,
        )


class FlashCancelled(FlashError):
    """We stopped before anything was erased."""

    code = "flash-cancelled"
    exit_code = 56

    def __init__(self, port: str) -> None:
        super().__init__(f"flashing {port} was cancelled before it touched the board", port=port)


class FlashDiffers(FlashError):
    """`verify`: the board holds something else than the image."""

    code = "flash-differs"
    exit_code = 57
    regions: list[str]

    def __init__(self, port: str, regions: list[str], total: int) -> None:
        super().__init__(
            f"the board on {port} differs from the image in {len(regions)} of {total} regions: "
            f"{', '.join(regions)}",
            hint="fbuild flash brings it up to date",
            port=port,
            regions=regions,
            total=total,
        )


class UnknownRegion(FlashError):
    """A region was named that the board's partition table does not have."""

    code = "unknown-region"
    exit_code = 58

    def __init__(self, port: str, region: str, known: list[str]) -> None:
        super().__init__(
            f"the board on {port} has no region {region!r}",
            hint=f"its partition table has: {', '.join(known)}"
            if known
            else "it has no readable partition table: only its whole flash can be named",
            port=port,
            region=region,
            known=known,
        )


class BeyondFlash(FlashError):
    """A place was named that is not in the board's flash."""

    code = "beyond-flash"
    exit_code = 59

    def __init__(self, port: str, offset: int, size: int, flash_size: int) -> None:
        super().__init__(
            f"{offset:#x} + {size:#x} reaches beyond the flash of the board on {port} "
            f"({flash_size:#x})",
            hint=f"name a place below {flash_size:#x}",
            port=port,
            offset=offset,
            size=size,
            flash_size=flash_size,
        )


class UploadFailed(FlashError):
    """A core's own upload program refused or failed; its own words are in `stdout` and `stderr`."""

    code = "upload-failed"
    exit_code = 76
    tool: str
    status: int
    stdout: str
    stderr: str

    def __init__(self, port: str, tool: str, status: int, stdout: str, stderr: str) -> None:
        last = next((line.strip() for line in reversed(stderr.splitlines()) if "rror" in line), "")
        super().__init__(
            f"{tool} could not upload to {port} (exit code {status}){': ' if last else ''}{last}",
            hint="its own words say more; the board may hold half of the firmware: upload again",
            port=port,
            tool=tool,
            status=status,
            stdout=stdout,
            stderr=stderr,
        )


class UploadStalled(FlashError):
    """A core's own upload program said nothing for so long that it was ended."""

    code = "upload-stalled"
    exit_code = 78
    seconds: float
    stdout: str
    stderr: str

    def __init__(self, port: str, tool: str, seconds: float, stdout: str, stderr: str) -> None:
        super().__init__(
            f"{tool} said nothing for {seconds:g} s while uploading to {port}, and was ended",
            hint="the board may hold half of the firmware: reset it, and upload again",
            port=port,
            tool=tool,
            seconds=seconds,
            stdout=stdout,
            stderr=stderr,
        )


class NoDigests(FlashError):
    """What was asked needs digests of the device, and boards of this family give none."""

    code = "no-digests"
    exit_code = 79

    def __init__(self, port: str, tool: str | None) -> None:
        by = f"are written by {tool}, which gives" if tool else "give"
        super().__init__(
            f"boards of this family {by} no digests: what the board on {port} holds cannot be asked",
            hint="fbuild flash uploads the build"
            if tool
            else "its core has no upload recipe: write it with the maker's own program",
            port=port,
            tool=tool,
        )


class ToolMissing(FlashError):
    """The program that uploads to this board is not on this machine."""

    code = "tool-missing"
    exit_code = 77
    tool: str
    program: str

    def __init__(self, tool: str, program: str) -> None:
        super().__init__(
            f"{program} is not there, or cannot be run: {tool} uploads to this board",
            hint=f"install {tool} (your system's package manager has most upload tools)",
            tool=tool,
            program=program,
        )


class NotConfirmed(FlashError):
    """Something that cannot be undone was asked for, and nobody was there to say yes."""

    code = "not-confirmed"
    exit_code = 61

    def __init__(self, what: str) -> None:
        super().__init__(
            f"{what} cannot be undone, and there is no terminal to ask on",
            hint="say --yes if it is meant",
            what=what,
        )


# --- process and console -------------------------------------------------------------------


class LockHeld(FbuildError):
    """Another `fbuild watch` of this user runs."""

    code = "lock-held"
    exit_code = 60
    pid: int | None

    def __init__(self, pid: int | None, project: str | None) -> None:
        who = f"pid {pid}" if pid else "another process"
        where = f" on {project}" if project else ""
        super().__init__(
            f"fbuild watch already runs as {who}{where}",
            hint="use that one (fbuild attach, fbuild status), or end it with: fbuild stop",
            pid=pid,
            project=project,
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
    """The caller could not show that it is the process's own user."""

    code = "control-refused"
    exit_code = 66

    def __init__(self, reason: str) -> None:
        super().__init__(
            f"the running fbuild does not take requests from here: {reason}",
            hint="only the user who runs it may use it",
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

    def __init__(self, ours: str, theirs: str) -> None:
        super().__init__(
            f"the running fbuild is version {theirs}, this is {ours}: they do not understand "
            "each other",
            hint="end the running one with `fbuild stop` and start it again",
            ours=ours,
            theirs=theirs,
        )


class EndpointInUse(ControlError):
    """Another program listens on the TCP port that we were told to use."""

    code = "endpoint-in-use"
    exit_code = 73

    def __init__(self, tcp_port: int) -> None:
        super().__init__(
            f"TCP port {tcp_port} of this machine is in use",
            hint="leave the number out: any free port will do",
            tcp_port=tcp_port,
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


class ConsoleError(FbuildError):
    """A headless console did not see what it was told to wait for."""

    code = "console"
    exit_code = 70


class ExpectTimeout(ConsoleError):
    """--timeout passed before every --expect was seen."""

    code = "expect-timeout"
    exit_code = 71

    def __init__(self, missing: list[str], seconds: float) -> None:
        what = ", ".join(repr(pattern) for pattern in missing) or "the end of output"
        super().__init__(
            f"{what} was not seen within {seconds:g} s",
            hint="the output so far is above; raise --timeout, or check the pattern",
            missing=missing,
            seconds=seconds,
        )


class FailMatched(ConsoleError):
    """A --fail pattern was seen."""

    code = "fail-matched"
    exit_code = 72

    def __init__(self, pattern: str, line: str) -> None:
        super().__init__(
            f"the board printed {line!r}, which matches --fail {pattern!r}",
            hint="the output before it is above",
            pattern=pattern,
            line=line,
        )


# --- the virtual board ---------------------------------------------------------------------


class BoardUnusable(FbuildError):
    """The virtual board cannot be set up: its chip, its flash file, its port."""

    code = "board-unusable"
    exit_code = 80


class InvalidPattern(ConsoleError):
    """An --expect or --fail is no regular expression: wrong usage."""

    code = "invalid-pattern"
    exit_code = 2

    def __init__(self, option: str, pattern: str, reason: str) -> None:
        super().__init__(
            f"{option} {pattern!r} is no regular expression ({reason})",
            hint="put a backslash before ( ) [ ] { } . * + ? ^ $ | \\ to mean the character itself",
            option=option,
            pattern=pattern,
            reason=reason,
        )


# --- packages ------------------------------------------------------------------------------


class PackageError(FbuildError):
    """A core, a tool or a library could not be had."""

    code = "package"
    exit_code = 100


class PackageNotFound(PackageError):
    """Nothing that was looked at has such a package (or such a version, or one for this machine)."""

    code = "package-not-found"

    def __init__(self, package: str, *, searched: list[str], reason: str = "", hint: str) -> None:
        where = ", ".join(searched) or "nowhere: no index is known that could have it"
        super().__init__(
            f"{package} was not found{f': {reason}' if reason else ''} (looked in: {where})",
            hint=hint,
            package=package,
            searched=searched,
            reason=reason,
        )


class UnsupportedPackage(PackageError):
    """A requirement is not written in a form that fbuild knows."""

    code = "unsupported-package"
    exit_code = 101

    def __init__(self, package: str, reason: str, *, hint: str) -> None:
        super().__init__(f"{package!r}: {reason}", hint=hint, package=package, reason=reason)


class InvalidIndex(PackageError):
    """A package or library index is not what it should be."""

    code = "invalid-index"
    exit_code = 102

    def __init__(self, url: str, reason: str) -> None:
        super().__init__(
            f"the index {url} cannot be read: {reason}",
            hint="check its URL; it must be an Arduino package_*_index.json or library_index.json",
            url=url,
            reason=reason,
        )


class DownloadFailed(PackageError):
    """A server did not give what was asked of it."""

    code = "download-failed"
    exit_code = 103

    def __init__(self, package: str, url: str, reason: str, *, tries: int) -> None:
        super().__init__(
            f"{package} could not be downloaded from {url}: {reason} (tries: {tries})",
            hint="check the network and the proxy variables (HTTPS_PROXY, NO_PROXY), then try "
            "again: what has arrived is kept",
            package=package,
            url=url,
            reason=reason,
            tries=tries,
        )


class Offline(PackageError):
    """A package is needed, and the network is switched off (--offline, FBUILD_OFFLINE)."""

    code = "offline"
    exit_code = 107

    def __init__(self, package: str, *, searched: list[str]) -> None:
        super().__init__(
            f"{package} is not installed, and fbuild is offline (looked in: {', '.join(searched)})",
            hint="run once without --offline and FBUILD_OFFLINE, with a network; a core in the "
            "project's hardware folder or from the distribution (arduino-core-avr) needs none",
            package=package,
            searched=searched,
        )


class ChecksumMismatch(PackageError):
    """What arrived is not what the index promises."""

    code = "checksum-mismatch"
    exit_code = 104

    def __init__(self, package: str, url: str, *, expected: str, found: str) -> None:
        super().__init__(
            f"{package} from {url} is not what its index says: expected {expected}, got {found}",
            hint="nothing was installed; try again, and if it stays so tell who publishes the index",
            package=package,
            url=url,
            expected=expected,
            found=found,
        )


class UnsafeArchive(PackageError):
    """An archive tries to do what no package may do. Nothing of it was kept."""

    code = "unsafe-archive"
    exit_code = 105

    def __init__(self, archive: str, member: str, reason: str) -> None:
        super().__init__(
            f"{archive} is refused: {member!r} {reason}",
            hint="nothing was installed; tell who publishes it",
            archive=archive,
            member=member,
            reason=reason,
        )


class InvalidArchive(PackageError):
    """A file is no archive, or a broken one."""

    code = "invalid-archive"
    exit_code = 106

    def __init__(self, archive: str, reason: str) -> None:
        super().__init__(
            f"{archive} cannot be unpacked: {reason}",
            hint="an archive is zip, tar, tar.gz, tar.bz2, tar.xz or tar.zst, and must be whole",
            archive=archive,
            reason=reason,
        )


class PackageInUse(PackageError):
    """Somebody works with the package that is to be removed."""

    code = "package-in-use"
    exit_code = 108

    def __init__(self, package: str) -> None:
        super().__init__(
            f"{package} is in use by another fbuild",
            hint="end that one first (fbuild status names it)",
            package=package,
        )


class StoreUnusable(PackageError):
    """The folder of the installed packages cannot be read or written."""

    code = "store-unusable"
    exit_code = 109

    def __init__(self, path: str, reason: str, *, hint: str = "") -> None:
        super().__init__(
            f"{path}: {reason}",
            hint=hint or "make room or give access, or name another folder in FBUILD_PACKAGES_DIR",
            path=path,
            reason=reason,
        )
