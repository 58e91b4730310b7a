"""What esptool and pyserial raise, as errors of ours. The one place where they are translated.

Rules
- esptool's FatalError, and what it raises on packets that noise has made, mean: this link broke.
- pyserial's SerialException and the system's OSError mean: the port itself is gone, but for a write
  that timed out, which is a link again.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from contextlib import contextmanager

from fbuild_watch.flash.dialogue import LinkBroke


class PortGone(Exception):
    """The port itself went away."""


@contextmanager
def translated() -> Iterator[None]:
    """Raise LinkBroke and PortGone for what the libraries raise."""
    import serial
    from esptool.util import FatalError

    try:
        yield
    except (FatalError, serial.SerialTimeoutException) as error:
        raise LinkBroke(first_line(error)) from error
    except OSError as error:  # SerialException is one
        raise PortGone(first_line(error)) from error
    except (ValueError, IndexError, struct.error) as error:
        # A packet that came through garbled: esptool takes it apart before it looks whether it can.
        raise LinkBroke(f"garbled answer: {first_line(error)}") from error


def first_line(error: BaseException) -> str:
    """The first line of an error's words, or its type."""
    words = str(error).strip()
    return words.splitlines()[0].rstrip(".:") if words else type(error).__name__
