"""What a line that was typed means, and the commands with their keys. Pure.

Rules
- `:name` is a command, `::text` sends `:text`, everything else goes to the board with the line ending.
- A name that is no command, or a command with arguments that it does not take, is said and not sent:
  a slip must not reach the board.
- Keys after Ctrl-T are those of ESP-IDF's monitor where it has one (f, r, p, l, i, h, x).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Literal, cast

from fbuild_watch.console import arguments as take
from fbuild_watch.console import stamps
from fbuild_watch.model import Command, CommandName, Typed

ON_OFF = ("on", "off")
EOLS = {"crlf": b"\r\n", "lf": b"\n", "cr": b"\r", "none": b""}
BAUDS = ("9600", "19200", "57600", "74880", "115200", "230400", "460800", "921600", "2000000")


@dataclass(frozen=True, slots=True)
class Entry:
    """A command."""

    help: str
    """What it does, in so few words that two of these fit side by side on a screen."""
    usage: str = ""
    key: str = ""
    """The key after Ctrl-T that does it without arguments."""
    parse: take.Parse = take.nothing
    choices: tuple[str, ...] = ()
    """What its argument may be, for completion."""
    whose: Literal["board", "console"] = "console"
    """Who does it: whoever has the board (`model.Command`), or the console."""


def _board(help: str, key: str = "") -> Entry:
    return Entry(help, key=key, whose="board")


def _choice(help: str, *words: str, key: str = "", whose: Literal["board", "console"]) -> Entry:
    optional = whose == "console"
    usage = "|".join(words)
    parse = take.one_of(*words, optional=optional)
    return Entry(help, f"[{usage}]" if optional else usage, key, parse, words, whose)


COMMANDS: dict[str, Entry] = {
    "flash": _board("flash what differs", "f"),
    "rebuild": _board("compile everything anew", "b"),
    "verify": _board("does it hold this build?", "v"),
    "reset": _board("restart the board", "r"),
    "bootloader": _board("into download mode", "p"),
    "pause": _board("let edits wait", "w"),
    "resume": _board("build edits again", "u"),
    "baud": Entry("the port's speed", "NUMBER", "", take.number, BAUDS, "board"),
    "dtr": _choice("set DTR", *ON_OFF, whose="board"),
    "rts": _choice("set RTS", *ON_OFF, whose="board"),
    "break": _board("send a break", "k"),
    "send": Entry(
        "send a file",
        "FILE [raw|raw:SECONDS|xmodem|xmodem-1k|ymodem]",
        "",
        take.file_and_way,
        take.TRANSFERS,
        "board",
    ),
    "sendhex": Entry("send bytes", "0a ff ...", "", take.hex_bytes),
    "explain": _board("why was this built?", "e"),
    "size": _board("flash and RAM used", "z"),
    "ports": _board("the serial ports here"),
    "status": _board("what is being done", "n"),
    "timestamps": _choice("times of the lines", *stamps.MODES, key="i", whose="console"),
    "hex": _choice("bytes instead of text", *ON_OFF, key="d", whose="console"),
    "filter": Entry("show only what matches", "REGEX|off", "", take.regex, ("off",)),
    "highlight": Entry("colour what matches", "REGEX|off", "", take.regex, ("off",)),
    "search": Entry("look through it all", "[REGEX]", "s", take.regex),
    "log": Entry("write it to a file", "[on [FILE]|off]", "l", take.switch_and_file, ON_OFF),
    "clear": Entry("empty the screen", "", "c"),
    "raw": Entry("every key to the board", "", "m"),
    "plot": Entry("draw its numbers", "[NAME ...]", "g", take.words),
    "echo": _choice("show what is sent", *ON_OFF, key="o", whose="console"),
    "eol": _choice("the line ending of Enter", *EOLS, whose="console"),
    "vi": _choice("vi's keys (also F4)", *ON_OFF, whose="console"),
    "help": Entry("this; :help NAME says more", "[NAME]", "h", take.words),
    "quit": _board("leave (also Ctrl-])", "q"),
}

OTHER_KEYS = {"x": "quit", "?": "help", "/": "search", "y": "search"}
"""More keys after Ctrl-T: what people know from elsewhere."""


@dataclass(frozen=True, slots=True)
class Local:
    """Something that the console, or a plugin, does."""

    name: str
    arguments: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Said:
    """An answer of the console itself."""

    text: str
    bad: bool = False


Meaning = Typed | Command | Local | Said


def interpret(line: str, eol: bytes, commands: Mapping[str, Entry] = COMMANDS) -> Meaning:
    """What Enter on `line` means. A line of several lines is sent as several."""
    if line.startswith("::"):
        line = line[1:]
    elif line.startswith(":"):
        return run_command(line[1:], commands)
    parts = line.removesuffix("\n").split("\n")  # several, and a last ending, come from a paste
    return Typed(b"".join(part.encode("utf-8", "surrogateescape") + eol for part in parts))


def run_command(line: str, commands: Mapping[str, Entry] = COMMANDS) -> Meaning:
    """What the command `line` (without its colon) means."""
    name, _, rest = line.strip().partition(" ")
    entry = commands.get(name)
    if entry is None:
        return _unknown(name, commands)
    try:
        words = entry.parse(rest.strip())
    except ValueError as error:
        return Said(f":{name} takes {error}", bad=True)
    if entry.whose == "board":
        return Command(cast(CommandName, name), words)
    if name == "sendhex":
        return Typed(bytes.fromhex(words[0]))
    return Local(name, words)


def _unknown(name: str, commands: Mapping[str, Entry]) -> Said:
    if not name:
        return Said("a command's name comes after the colon: :help shows them", bad=True)
    near = get_close_matches(name, commands, n=3)
    meant = f"did you mean {' or '.join(f':{match}' for match in near)}? " if near else ""
    text = f"there is no command :{name}; {meant}:help shows them, ::{name} sends :{name}"
    return Said(text, bad=True)


def menu_names(commands: Mapping[str, Entry] = COMMANDS) -> dict[str, str]:
    """The keys after Ctrl-T, and the command of each."""
    return {entry.key: name for name, entry in commands.items() if entry.key} | OTHER_KEYS
