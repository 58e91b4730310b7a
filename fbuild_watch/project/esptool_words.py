"""What a core's commands have esptool do, so that our own rooms can do it: image/ and flash/. Pure.

A core for ESP chips says in its upload what belongs where (`write-flash OFFSET FILE ...`), makes the
app's image of the ELF (`elf2image`), and puts all files into one (`merge-bin`). Each of these starts
an interpreter for a second, after every edit.

Rules
- What the upload writes is the image. Its bootloader and its other files are made by the core's own
  hooks, or lie in the core. A hook that names such a file makes it, of the other files that it names.
- `elf2image` is left to image/ where it is told nothing that image/ does not do, and where no other
  step reads its file; `merge-bin` is left out (`fbuild build --merged` makes that file).
"""

from __future__ import annotations

import contextlib
import os
import re
import shlex
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

from fbuild_watch.model import FlashSettings, Step
from fbuild_watch.project.memory import is_file

_WRITE = ("write-flash", "write_flash")
_MERGE = ("merge-bin", "merge_bin")
_MAKE = "elf2image"
_OFFSET = re.compile(r"0[xX][0-9a-fA-F]{1,8}|[0-9]{1,10}")
_SHORT = {"fm": "flash-mode", "ff": "flash-freq", "fs": "flash-size", "o": "output"}

Files = tuple[tuple[int, Path], ...]


def written(argv: Sequence[str]) -> Files:
    """The files that a command writes, each after its offset; empty where it writes no flash."""
    start = next((place for place, word in enumerate(argv) if word in _WRITE), len(argv))
    return tuple(
        (offset, Path(file))
        for word, file in pairwise(argv[start + 1 :])
        if (offset := _number(word)) is not None
        and not file.startswith("-")
        and _number(file) is None
    )


def is_table(path: Path) -> bool:
    """Whether a file that an upload writes is the partition table, by its name."""
    return path.name.endswith("partitions.bin")


def with_outputs(hooks: Sequence[Step], made: Sequence[Path]) -> tuple[Step, ...]:
    """The hooks, with what they make where that is one of the files `made`: those run when they must."""
    return tuple(_with_output(hook, made) if hook.output is None else hook for hook in hooks)


def _with_output(hook: Step, made: Sequence[Path]) -> Step:
    named = _named(hook.argv)
    output = next((path for path in made if path in named), None)
    if output is None:
        return hook
    inputs = tuple(path for path in named if path != output and is_file(path))
    return replace(hook, output=output, inputs=inputs)


def _named(argv: Sequence[str]) -> list[Path]:
    """The absolute paths among a command's words, and in the words of a shell's script."""
    words = list(argv[1:])
    for text in argv[1:]:
        with contextlib.suppress(ValueError):  # no shell's script
            words += shlex.split(text)
    return list(dict.fromkeys(Path(word) for word in words if word.startswith(os.sep)))


def left_over(
    steps: Sequence[Step], elf: Path, app: Path
) -> tuple[tuple[Step, ...], FlashSettings | None]:
    """The steps that have to be run, and what image/ makes `app` of the ELF with.

    None: a step makes it.
    """
    wanted = [step for step in steps if not set(_MERGE) & set(step.argv)]
    made = {step: settings for step in wanted if (settings := _settings(step.argv, elf, app))}
    others = [step for step in wanted if step not in made]
    if len(made) != 1 or any(str(app) in word for step in others for word in step.argv):
        return tuple(wanted), None
    return tuple(others), next(iter(made.values()))


def _settings(argv: Sequence[str], elf: Path, app: Path) -> FlashSettings | None:
    """What an `elf2image` of the ELF is told; None for any other command, or if it is told more."""
    if _MAKE not in argv or argv[-1] != str(elf):
        return None
    words = argv[argv.index(_MAKE) + 1 : -1]
    options = {_name(word): value for word, value in zip(words[::2], words[1::2], strict=False)}
    usual = FlashSettings()
    settings = FlashSettings(
        mode=options.pop("flash-mode", usual.mode),
        freq=options.pop("flash-freq", usual.freq),
        size=options.pop("flash-size", usual.size),
        elf_sha256_offset=_number(options.pop("elf-sha256-offset", "")),
    )
    is_all = options == {"output": str(app)} and len(words) % 2 == 0
    return settings if is_all else None


def _name(word: str) -> str:
    name = word.lstrip("-").replace("_", "-")
    return _SHORT.get(name, name)


def _number(text: str) -> int | None:
    if not _OFFSET.fullmatch(text):
        return None
    return int(text, 16 if text[:2].lower() == "0x" else 10)
