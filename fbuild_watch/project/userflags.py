"""The user's flags, sorted by who can use them: C, C++, assembler, linker. Pure.

Source: how PlatformIO hands build_flags to SCons (`ParseFlags`).

Rules
- `-D NAME` is written as `-DNAME`, and so for every option that takes a value as its next word.
- A linker's option goes to the link only; `-flto` and `--specs` to both. A library (`-lm`, `lib/x.a`)
  stands behind the objects there: a linker takes of it what was missing by then.
- A C++ standard or a switch that C has not goes to C++ only, a C standard to C only.
- `build_unflags` take a word away wherever it came from; `-D NAME` whatever value NAME has.
- A compiler believes the last word: so the user's stand behind the recipe's, whatever place the recipe
  has for them (ESP32's has its own -Os and -DCORE_DEBUG_LEVEL=0 behind it). A macro that the user
  defines is defined by nobody else. Only folders stand where the recipe has them: before its own.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from fbuild_watch.project import sources

_GLUED = ("-D", "-U", "-I", "-L", "-l", "-T", "-u")
_PAIRED = ("-include", "-imacros", "-isystem", "-idirafter", "-iquote", "-isysroot",
           "-Xlinker", "-Xassembler", "-Xpreprocessor", "--param", "-x", "-z", "-e")  # fmt: skip
_FOLDERS = ("-I", "-isystem", "-idirafter", "-iquote")
_LINK = ("-Xlinker", "-z", "-e", "-nostartfiles", "-nostdlib", "-nodefaultlibs", "-static", "-shared",
         "-rdynamic", "-s", "-pie", "-no-pie")  # fmt: skip
_BOTH = ("-flto", "-fno-lto", "-specs=", "--specs=", "-fuse-ld", "-m", "-pg", "--coverage")
_CPP = ("-fno-rtti", "-frtti", "-fno-exceptions", "-fexceptions", "-fpermissive",
        "-fno-threadsafe-statics", "-fno-use-cxa-atexit", "-Wno-reorder", "-Wno-volatile",
        "-Wno-overloaded-virtual", "-Wsuggest-override", "-Wno-register")  # fmt: skip


@dataclass(frozen=True, slots=True)
class Flags:
    """Words for each kind of command."""

    c: tuple[str, ...] = ()
    cpp: tuple[str, ...] = ()
    asm: tuple[str, ...] = ()
    link: tuple[str, ...] = ()
    libraries: tuple[str, ...] = ()

    def for_suffix(self, suffix: str) -> tuple[str, ...]:
        """Those for a source with this suffix."""
        kinds = {".c": self.c, **dict.fromkeys(sources.ASSEMBLY, self.asm)}
        return kinds.get(suffix, self.cpp)


def sort(words: Sequence[str]) -> Flags:
    """Sort a user's flags."""
    flags = list(_options(words))
    libraries = [flag for flag in flags if _is_library(flag)]
    others = [flag for flag in flags if not _is_library(flag)]
    link = [flag for flag in others if _is_link(flag) or flag[0].startswith(_BOTH)]
    compiled = [flag for flag in others if not _is_link(flag)]
    cpp = [flag for flag in compiled if not _is_standard(flag, cpp=False)]
    c = [flag for flag in compiled if not _is_standard(flag, cpp=True) and flag[0] not in _CPP]
    asm = [flag for flag in c if not _is_standard(flag, cpp=False)]
    return Flags(_flat(c), _flat(cpp), _flat(asm), _flat(link), _flat(libraries))


def without(words: Sequence[str], unwanted: Sequence[str]) -> tuple[str, ...]:
    """A command without the options that the user takes away; its program stays."""
    gone = set(_options(unwanted))
    if not gone:
        return tuple(words)
    kept = (flag for flag in _options(words[1:]) if not {flag, _without_value(flag)} & gone)
    return (*words[:1], *_flat(list(kept)))


def folders(words: Sequence[str]) -> tuple[str, ...]:
    """The words that say where headers are."""
    return _flat([flag for flag in _options(words) if flag[0].startswith(_FOLDERS)])


def laid_over(command: Sequence[str], words: Sequence[str]) -> tuple[str, ...]:
    """A command with a user's words behind it, but for those that say where headers are."""
    later = [flag for flag in _options(words) if not flag[0].startswith(_FOLDERS)]
    macros = {_macro(flag) for flag in later} - {""}
    before = list(_options(command[1:])) if macros else [(word,) for word in command[1:]]
    kept = [flag for flag in before if _macro(flag) not in macros]
    return (*command[:1], *_flat(kept), *_flat(later))


def includes(words: Sequence[str]) -> list[str]:
    """The folders that a user adds to the include path."""
    return [flag[0][2:] for flag in _options(words) if flag[0].startswith("-I")]


def below(words: Sequence[str], folder: Path) -> list[str]:
    """The words with the folders in -I and -L, and files to link, counted from `folder`."""
    return [word for flag in _options(words) for word in _below(flag, folder)]


def _below(flag: tuple[str, ...], folder: Path) -> tuple[str, ...]:
    word = flag[0]
    if word.startswith(("-I", "-L")):
        return (f"{word[:2]}{folder / word[2:]}",)
    return (str(folder / word),) if not word.startswith(("-", "@")) else flag


def _options(words: Sequence[str]) -> Iterator[tuple[str, ...]]:
    rest = iter(words)
    for word in rest:
        if word in _GLUED:
            yield (word + next(rest, ""),)
        elif word in _PAIRED:
            yield (word, next(rest, ""))
        else:
            yield (word,)


def _macro(flag: tuple[str, ...]) -> str:
    """The name that an option defines or undefines; empty for any other option."""
    word = flag[0]
    return re.split(r"[=(]", word[2:], maxsplit=1)[0] if word.startswith(("-D", "-U")) else ""


def _without_value(flag: tuple[str, ...]) -> tuple[str, ...]:
    """`-DNAME` for `-DNAME=VALUE`."""
    return (f"-D{_macro(flag)}",) if flag[0].startswith("-D") else flag


def _is_library(flag: tuple[str, ...]) -> bool:
    """`-lNAME`, or a file: what is no option is one to link, as PlatformIO has it."""
    return flag[0].startswith("-l") or not flag[0].startswith(("-", "@"))


def _is_link(flag: tuple[str, ...]) -> bool:
    word = flag[0]
    return word in _LINK or word.startswith(("-Wl,", "-L", "-T", "-u"))


def _is_standard(flag: tuple[str, ...], *, cpp: bool) -> bool:
    return flag[0].startswith("-std=") and ("++" in flag[0]) == cpp


def _flat(flags: Sequence[tuple[str, ...]]) -> tuple[str, ...]:
    return tuple(word for flag in flags for word in flag)
