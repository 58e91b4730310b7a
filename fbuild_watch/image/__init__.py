"""The flash image: an ELF, a partition table and a bootloader to regions at offsets.

make.py is the edge; partitions.py, flasher_args.py and regions.py are pure; esp.py asks esptool,
assets.py littlefs.
"""

from fbuild_watch.image.board import chosen_ranges
from fbuild_watch.image.foreign import of_foreign
from fbuild_watch.image.make import elf_in, from_files, load_built, make, write_merged

__all__ = [
    "chosen_ranges", "elf_in", "from_files", "load_built", "make", "of_foreign", "write_merged",
]  # fmt: skip
