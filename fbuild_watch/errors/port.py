"""The way to the board. The tree and the rules stand in the package."""

from __future__ import annotations

from fbuild_watch.errors.base import FbuildError


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

    def __init__(
        self, port: str, pid: int | None = None, command: str | None = None, *, hint: str = ""
    ) -> None:
        who = f"by pid {pid} ({command})" if pid else "by another process"
        close = f"close that program (kill {pid} ends it)" if pid else "close the other program"
        if command and "ModemManager" in command:
            close = "it looks for modems and lets go in some seconds; `fbuild ports` says more"
        super().__init__(
            f"{port} is held {who}",
            hint=hint or close,
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
