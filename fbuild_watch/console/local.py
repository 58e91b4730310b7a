"""What the console does itself, one function for each command. No terminal is needed for it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import cast

from fbuild_watch.console import stamps
from fbuild_watch.console.commands import EOLS, Local, Meaning, Said
from fbuild_watch.console.help import help_of, help_screen
from fbuild_watch.console.session import Session
from fbuild_watch.errors import FileUnwritable
from fbuild_watch.model import Command
from fbuild_watch.text import patterns
from fbuild_watch.text.patterns import Pattern

Arguments = tuple[str, ...]
Act = Callable[[Session, Arguments], None]

SHOWN_AGAIN = 200
"""Matching lines of before that a new filter shows: some screens."""


def do(session: Session, meaning: Meaning) -> None:
    """Do what a line or a key means."""
    match meaning:
        case Said(text, bad):
            session.say(text, bad=bad)
        case Local(name, arguments) if name in ACTS:
            ACTS[name](session, arguments)
        case Local(name, arguments):
            session.plugins.run(name, " ".join(arguments), session)
        case Command("send", (path, *rest)):  # who has the board may stand in another folder
            session.give(Command("send", (str(Path(path).expanduser().absolute()), *rest)))
        case given:
            session.give(given)


def _timestamps(session: Session, arguments: Arguments) -> None:
    stamper = session.view.stamper
    stamper.mode = cast(stamps.Mode, arguments[0]) if arguments else stamps.after(stamper.mode)
    session.mark(f"timestamps: {stamper.mode}")


def _hex(session: Session, arguments: Arguments) -> None:
    on = _switched(session.view.hex, arguments)
    if on == session.view.hex:
        session.mark(f"the hex view is {'on' if on else 'off'} already")
        return
    session.mark("hex view" if on else "hex view off; what came meanwhile follows as text")
    session.show_bytes(on)
    if on:
        session.begin_hiding()
    else:
        session.give_back()


def _filter(session: Session, arguments: Arguments) -> None:
    view = session.view
    if not arguments:
        session.mark(f"filter {view.filter.pattern}" if view.filter else "there is no filter")
    elif arguments[0] != "off":
        _set_filter(session, patterns.compile(arguments[0], ":filter"))
    elif view.filter is None:
        session.mark("there is no filter")
    else:
        view.filter = None
        session.mark("filter off; what came since, with what it hid, follows")
        session.give_back()


def _set_filter(session: Session, pattern: Pattern) -> None:
    session.view.filter = pattern
    kept = [line for line in session.scrollback.since(0) if line.kind == "board"]
    fit = session.seen(kept)
    if session.view.filter is None:  # it took too long, which was said
        return
    session.mark(f"filter {pattern.pattern}: {len(fit):,} of {len(kept):,} lines match so far")
    session.begin_hiding()
    session.draw_again(fit[-SHOWN_AGAIN:])


def _highlight(session: Session, arguments: Arguments) -> None:
    highlights = session.view.highlights
    if arguments and arguments[0] != "off":
        highlights.append(patterns.compile(arguments[0], ":highlight"))
    elif arguments:
        highlights.clear()
    shown = "  ".join(pattern.pattern for pattern in highlights)
    session.mark(f"highlighted: {shown}" if shown else "nothing is highlighted")


def _search(session: Session, arguments: Arguments) -> None:
    session.wanted = arguments
    session.face = "search"


def _plot(session: Session, arguments: Arguments) -> None:
    session.wanted = arguments
    session.face = "plot"


def _raw(session: Session, _arguments: Arguments) -> None:
    session.face = "raw"


def _log(session: Session, arguments: Arguments) -> None:
    on = _switched(session.log is not None, arguments)
    if not on:
        session.mark(f"log ended: {session.log.path}" if session.log else "there is no log")
        session.close()
        return
    name = arguments[1] if len(arguments) > 1 else f"console-{datetime.now():%Y%m%d-%H%M%S}.log"
    path = Path(name).expanduser().absolute()
    try:
        session.open_log(path)
    except FileUnwritable as error:
        session.say(f"{error}", bad=True)
    else:
        session.mark(f"log: {path}")


def _clear(session: Session, _arguments: Arguments) -> None:
    session.clear()


def _echo(session: Session, arguments: Arguments) -> None:
    session.echo = _switched(session.echo, arguments)
    session.mark(f"echo {'on' if session.echo else 'off'}")


def _eol(session: Session, arguments: Arguments) -> None:
    if arguments:
        session.eol = EOLS[arguments[0]]
    name = next(name for name, eol in EOLS.items() if eol == session.eol)
    session.mark(f"Enter sends {name}")


def _vi(session: Session, arguments: Arguments) -> None:
    session.vi = _switched(session.vi, arguments)
    session.mark(f"{'vi' if session.vi else 'Emacs'} keys")


def _help(session: Session, arguments: Arguments) -> None:
    if not arguments:
        session.say(help_screen(session.columns, session.plugins.entries))
        return
    name = arguments[0].removeprefix(":")
    known = session.plugins.help(name) or help_of(name)
    session.say(known or f"there is no command :{name}", bad=known is None)


def _switched(now: bool, arguments: Arguments) -> bool:
    """What is asked for; the other one if nothing is."""
    return arguments[0] == "on" if arguments else not now


ACTS: dict[str, Act] = {
    "timestamps": _timestamps,
    "hex": _hex,
    "filter": _filter,
    "highlight": _highlight,
    "search": _search,
    "log": _log,
    "plot": _plot,
    "raw": _raw,
    "clear": _clear,
    "echo": _echo,
    "eol": _eol,
    "vi": _vi,
    "help": _help,
}
