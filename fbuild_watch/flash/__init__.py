"""From an image to a board that provably holds it.

`dialogue` decides what to ask and what to write, `planner` and `cost` how (pure); `session` speaks it
to a board through esptool; `operations` is what else a board can be asked. The device's own digest is
the only truth: no record on disk says that a board is current.
"""

from fbuild_watch.flash.boards import BoardMemory
from fbuild_watch.flash.connect import ROM_BAUD, Line
from fbuild_watch.flash.listener import Listener, Progress
from fbuild_watch.flash.operations import enter_bootloader, erase, identify, read, verify
from fbuild_watch.flash.session import DEFAULT_BAUD, flash
from fbuild_watch.flash.visit import prepare

__all__ = [
    "DEFAULT_BAUD",
    "ROM_BAUD",
    "BoardMemory",
    "Line",
    "Listener",
    "Progress",
    "enter_bootloader",
    "erase",
    "flash",
    "identify",
    "prepare",
    "read",
    "verify",
]
