"""The flash image: an ELF, a partition table and a bootloader to regions at offsets.

make.py is the edge; partitions.py, flasher_args.py and regions.py are pure; esp.py asks esptool,
assets.py littlefs.
"""

from fbuild_watch.image.board import named_ranges, whole_flash
from fbuild_watch.image.foreign import of_foreign
from fbuild_watch.image.make import from_files, load_built, make, write_merged

__all__ = [
    "from_files", "load_built", "make", "named_ranges", "of_foreign", "whole_flash", "write_merged",
]  # fmt: skip
