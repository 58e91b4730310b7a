"""SLIP framing as the ESP loaders use it (RFC 1055; esptool docs, "Serial Protocol").

A frame is END, payload, END. Inside, END is sent as ESC ESC_END and ESC as ESC ESC_ESC.
Not a protocol: what the frames mean is the loader's business.

Rules
- Bytes outside a frame are noise and dropped; an empty frame is no frame.
- A wrong escape drops the frame that it is in; the decoder finds the next one.
- A frame longer than `MAX_FRAME` is dropped: a stuck line cannot fill memory.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

END = b"\xc0"
ESC = b"\xdb"
ESC_END = b"\xdb\xdc"
ESC_ESC = b"\xdb\xdd"

MAX_FRAME = 2 * (0x10000 + 8)
"""Bytes between two ENDs: the longest packet that a header can name, all of it escaped."""

_WRONG_ESCAPE = re.compile(rb"\xdb(?![\xdc\xdd])")


def encode(payload: bytes) -> bytes:
    """Return the frame that carries `payload`."""
    return END + payload.replace(ESC, ESC_ESC).replace(END, ESC_END) + END


def unescape(raw: bytes) -> bytes | None:
    """Return what stands between two ENDs without its escapes; None: an escape is wrong."""
    if _WRONG_ESCAPE.search(raw):
        return None
    return raw.replace(ESC_END, END).replace(ESC_ESC, ESC)


class Decoder:
    """Bytes in, payloads out; whatever the pieces in which the bytes come."""

    def __init__(self) -> None:
        self._raw: bytearray | None = None

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Yield the payload of every frame that `data` completes."""
        *ended, tail = data.split(END)
        for part in ended:
            self._add(part)
            payload = self._end()
            if payload:
                yield payload
        self._add(tail)

    def _add(self, part: bytes) -> None:
        if self._raw is not None:
            self._raw += part
            if len(self._raw) > MAX_FRAME:
                self._raw = None

    def _end(self) -> bytes | None:
        """An END closes a frame that has bytes; otherwise it opens one."""
        if not self._raw:
            self._raw = bytearray()
            return None
        raw, self._raw = bytes(self._raw), None
        return unescape(raw)
