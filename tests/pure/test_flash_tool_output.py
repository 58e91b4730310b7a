"""What upload tools print, read whole and in pieces. The texts are those of the tools."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fbuild_watch.flash.listener import Progress
from fbuild_watch.flash.recipe_upload import filled
from fbuild_watch.flash.tool_output import ToolProgress, proof
from fbuild_watch.model import UploadRecipe

AVRDUDE = """\
avrdude: AVR device initialized and ready to accept instructions
avrdude: device signature = 0x1e950f (probably m328p)
avrdude: writing 238 bytes flash ...

Writing | ################################################## | 100% 0.06s

avrdude: 238 bytes of flash written
avrdude: verifying flash memory against app.hex

Reading | ################################################## | 100% 0.05s

avrdude: 238 bytes of flash verified
"""
BOSSAC = "Erase flash\nWrite 11476 bytes to flash (180 pages)\n[===   ] 53% (96/180 pages)\r"
DFU_UTIL = (
    "Erase   \t[=========================] 100%\nDownload\t[=====        ]  40%  4096 bytes\r"
)


def steps(text: str, size: int) -> list[Progress]:
    """Each progress that differs from the one before."""
    progress, seen = ToolProgress(), []
    for at in range(0, len(text), size):
        now = progress.feed(text[at : at + size])
        if not seen or seen[-1] != now:
            seen.append(now)
    return seen


@pytest.mark.parametrize(
    ("text", "last"),
    [
        (AVRDUDE[: AVRDUDE.index("\n\navrdude: 238 bytes of flash written")],
         Progress("being written", 100, 100)),
        (AVRDUDE[: AVRDUDE.rindex("\n\navrdude")], Progress("being verified", 100, 100)),
        (BOSSAC, Progress("being written", 53, 100)),
        (DFU_UTIL, Progress("being written", 40, 100)),
        ("Programming.....", Progress("being written")),
        ("hello\n", Progress("being uploaded")),
        ("Erasing chip\n", Progress("being erased")),
        ("Loading into Flash: [====   ]  57%\r", Progress("being written", 57, 100)),
        ("999%", Progress("being uploaded", 100, 100)),
    ],
)  # fmt: skip
@pytest.mark.parametrize("size", [1, 7, 10_000])
def test_the_last_word(text: str, last: Progress, size: int) -> None:
    assert steps(text, size)[-1] == last


def test_avrdudes_bar_grows_sign_by_sign() -> None:
    shares = [now.done for now in steps(AVRDUDE, 1) if now.step == "being written" and now.total]
    assert shares[:51] == list(range(0, 101, 2))


@given(st.lists(st.text(max_size=30)))
def test_any_text_is_taken(pieces: list[str]) -> None:
    progress = ToolProgress()
    for piece in pieces:
        now = progress.feed(piece)
        assert 0 <= now.done <= now.total or now.total == 0


@pytest.mark.parametrize(
    ("output", "argv", "what"),
    [
        (AVRDUDE, ("avrdude",), "tool-verified"),
        (AVRDUDE, ("avrdude", "-V"), "tool-exit"),
        (BOSSAC, ("bossac",), "tool-exit"),
        (f"{BOSSAC}Verify successful\n", ("bossac", "-v"), "tool-verified"),
        ("Flash written and verified! jolly good!\n", ("st-flash",), "tool-verified"),
        ("verifying is off\n", ("x",), "tool-exit"),
        ("", ("x",), "tool-exit"),
    ],
)
def test_only_words_of_verification_prove_more_than_the_exit_code(
    output: str, argv: tuple[str, ...], what: str
) -> None:
    assert proof(argv, output) == what


def test_the_port_comes_into_the_words() -> None:
    recipe = UploadRecipe(
        "bossac", ("b", "--port={serial.port.file}", "-P", "{serial.port}", "{x}")
    )
    assert filled(recipe, "/dev/ttyACM0") == ("b", "--port=ttyACM0", "-P", "/dev/ttyACM0", "{x}")
