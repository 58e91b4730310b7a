"""The flash image: an ELF, a partition table and a bootloader to regions at offsets.

make.py is the edge; partitions.py, flasher_args.py and regions.py are pure; esp.py asks esptool.
"""

from fbuild_watch.image.make import from_files, load_built, make

__all__ = ["from_files", "load_built", "make"]
