"""`fbuild board serve`: the virtual board on a port."""

from __future__ import annotations

from pathlib import Path

import click

LOOPBACK = "127.0.0.1"

CHIPS = "esp32c3, esp32c3-usb, esp32, esp8266"
"""Those of `virtual.personality`, which is imported only when a board is served."""


class Listen(click.ParamType[tuple[str, int]]):
    """PORT or HOST:PORT; without a host, loopback."""

    name = "[HOST:]PORT"

    def convert(
        self, value: str, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, int]:
        """Return (host, port)."""
        host, colon, port = value.rpartition(":")
        if not port.isascii() or not port.isdigit() or int(port) > 65535:
            self.fail(f"{value!r} is not PORT or HOST:PORT", param, ctx)
        return (host.strip("[]") if colon else LOOPBACK), int(port)


@click.group()
def command() -> None:
    """Virtual boards."""


@command.command()
@click.option("--chip", default="esp32c3", show_default=True, help=f"One of: {CHIPS}.")
@click.option(
    "--flash",
    required=True,
    type=click.Path(path_type=Path),
    help="File that holds the flash; a missing one is created, erased.",
)
@click.option(
    "--listen",
    default="0",
    type=Listen(),
    help="Where to serve RFC 2217; 0 takes a free port, no host means loopback.",
)
@click.option(
    "--timing",
    type=click.Choice(("real", "fast")),
    default="fast",
    show_default=True,
    help="Charge what flash and wire take on a real board, or nothing.",
)
@click.option("--log", "logged", is_flag=True, help="Say on stderr what the board does.")
@click.option("--with-parent", is_flag=True, help="End when standard input closes.")
def serve(
    chip: str, flash: Path, listen: tuple[str, int], timing: str, logged: bool, with_parent: bool
) -> None:
    """Serve a virtual devkit; the first line on stdout is its URL."""
    import trio

    from fbuild_watch.virtual.host import Setup, serve_board

    setup = Setup(chip, flash, *listen, timing, with_parent)
    trio.run(lambda: serve_board(setup, listening=click.echo, log=_say if logged else _ignore))


def _say(line: str) -> None:
    click.echo(line, err=True)


def _ignore(line: str) -> None:
    """The board is not asked what it does."""
