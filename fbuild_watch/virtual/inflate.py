"""Streaming decompression of a compressed upload: pieces of a zlib stream in, windows out.

Rules
- The stub writes when its 32 KB window is full or the stream ends; so does this.
- Bytes after the end of the stream are padding and ignored.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator

WINDOW = 32768
"""Bytes: the deflate dictionary, which the loaders use as their output buffer (miniz)."""


class BadStream(ValueError):
    """The bytes are no zlib stream, or one that fails its own checksum."""


class Inflater:
    """One zlib stream, in pieces."""

    def __init__(self) -> None:
        self._stream = zlib.decompressobj()
        self._window = bytearray()

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Yield every window that `data` fills or completes. Raises BadStream."""
        while data and not self._stream.eof:
            self._window += self._inflate(data)
            data = self._stream.unconsumed_tail
            if self._window and (len(self._window) == WINDOW or self._stream.eof):
                yield bytes(self._window)
                self._window.clear()

    def _inflate(self, data: bytes) -> bytes:
        try:
            return self._stream.decompress(data, WINDOW - len(self._window))
        except zlib.error as error:
            raise BadStream(str(error)) from error
