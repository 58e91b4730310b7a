"""From an image to a board that provably holds it.

`dialogue` decides what to ask and what to write (pure); `session` speaks it to a board through
esptool. The device's own digest is the only truth: no record on disk says that a board is current.
"""

from fbuild_watch.flash.session import DEFAULT_BAUD, ROM_BAUD, Listener, Progress, flash, prepare

__all__ = ["DEFAULT_BAUD", "ROM_BAUD", "Listener", "Progress", "flash", "prepare"]
