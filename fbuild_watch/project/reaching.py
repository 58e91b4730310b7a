"""Which board it has to be, and how it is brought into its bootloader: from a project's options. Pure.

    custom_fbuild_mac           the board's MAC
    custom_fbuild_reset         a method, or steps; flash/resets.py knows what they do
    upload_flags                esptool's --before and --after, as PlatformIO passes them on
    board_upload.before_reset   PlatformIO's words for the same two
    board_upload.after_reset

Rules
- What stands higher in this list decides.
- A board always runs its firmware in the end: an --after that would leave it in its bootloader is
  not followed.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from itertools import pairwise

METHODS = ("auto", "tight", "classic", "usb-jtag", "watchdog", "none")

_STEP = r"\s*(?:[DR][01]|U[01],[01]|W(?:\d{1,2}(?:\.\d*)?|\.\d+))\s*"
_STEPS = re.compile(rf"{_STEP}(?:\|{_STEP})*", re.ASCII)
_MAC = re.compile(r"[0-9a-f]{2}(:[0-9a-f]{2}){5}", re.ASCII)

_BEFORE = {
    "default-reset": "auto",
    "usb-reset": "usb-jtag",
    "no-reset": "none",
    "no-reset-no-sync": "none",
}
"""esptool's words (the older ones have _ for -) by ours."""


def mac(text: str) -> str:
    """A MAC as boards say it. Raises ValueError."""
    found = text.strip().lower().replace("-", ":")
    if not _MAC.fullmatch(found):
        raise ValueError(f"{text!r} is no MAC")
    return found


def reset(text: str) -> str:
    """A method, or a sequence of steps. Raises ValueError."""
    if text not in METHODS and not _STEPS.fullmatch(text):
        raise ValueError(f"{text!r} is no reset method and no sequence of steps")
    return text


def platformio_reset(flags: Sequence[str], board_upload: Mapping[str, str]) -> str:
    """Which method PlatformIO's options mean; "auto" where they say nothing of it.

    `flags` are the words of upload_flags.
    """
    before = _flag(flags, "--before") or board_upload.get("before_reset", "")
    after = _flag(flags, "--after") or board_upload.get("after_reset", "")
    method = _BEFORE.get(_esptool_word(before), "auto")
    by_watchdog = _esptool_word(after) == "watchdog-reset" and method != "none"
    return "watchdog" if by_watchdog else method


def words(flags: Sequence[str]) -> list[str]:
    """The words of upload_flags, with `--name=VALUE` as two."""
    return [part for text in flags for word in text.split() for part in word.split("=", 1)]


def followed(flags: Sequence[str]) -> bool:
    """Whether upload_flags say nothing but what is followed."""
    return set(words(flags)[::2]) <= {"--before", "--after"}


def _flag(flags: Sequence[str], name: str) -> str | None:
    """The word behind `name`; None: it is not there."""
    following = dict(pairwise(flags))
    return following.get(name)


def _esptool_word(text: str) -> str:
    return text.strip().replace("_", "-")
