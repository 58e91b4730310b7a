"""An ELF to an ESP image, by esptool's own image classes. The only place here that uses esptool.

The result is byte for byte that of `esptool elf2image` with the same settings. esptool is imported
when the first image is made: a build in which nothing changed does not pay for it.
"""

from __future__ import annotations

from fbuild_watch.errors import InvalidImage
from fbuild_watch.esptool_quiet import silence
from fbuild_watch.model import FlashSettings


def elf_to_image(elf: bytes, chip: str, flash: FlashSettings, name: str) -> bytes:
    """Convert an ELF file's bytes; `name` is the file, for words. Raises InvalidImage."""
    silence()
    from esptool.cmds import elf2image
    from esptool.util import FatalError

    digest = flash.elf_sha256_offset
    try:
        image = elf2image(
            elf,
            chip,
            flash_freq=flash.freq,
            flash_mode=flash.mode,
            flash_size=flash.size,
            **({} if digest is None else {"elf_sha256_offset": digest}),
        )
    except (FatalError, KeyError, ValueError) as error:
        raise InvalidImage(
            f"{name} cannot be made an image for {chip or 'an unnamed chip'}: {error}",
            hint="the board's build.mcu and build.flash_* must be what esptool knows",
        ) from error
    if not isinstance(image, bytes):
        raise InvalidImage(f"{name}: images of {chip} come in two parts, which is not supported")
    return image
