"""The board did not take, or did not prove, the image; other operations on its flash. The tree and the rules stand in the package."""

from __future__ import annotations

from fbuild_watch.errors.base import FbuildError


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
        first = "plug the board in again (fbuild ports: its port may have another name now)"
        super().__init__(
            f"the board on {port} stopped answering while {step} ({reason}); {state}",
            hint=f"{first if gone else 'check the cable'}, then do it again: "
            "what is right already is not written twice",
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
