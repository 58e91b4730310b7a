"""The session: one visit that makes a board hold an image, and prove it.

Blocking code for a thread of its own; `flash` is its async face. What is asked and written is decided
by the dialogue; here its requests are carried out, and its links made anew when they break.

Rules
- Cancellation is looked at between requests, and no more from the first erase on:
  then the dialogue runs to its proof.
- A guess is kept only of an image that was proven.
"""

from __future__ import annotations

from typing import Any

import trio

from fbuild_watch.errors import ImageTooBig, NoDigests
from fbuild_watch.flash.boards import BoardMemory
from fbuild_watch.flash.connect import Line
from fbuild_watch.flash.dialogue import (
    Answer,
    Dialogue,
    Findings,
    LinkBroke,
    Prepare,
    Read,
    Reconnect,
    Request,
    Write,
    check_layout,
    until_proven,
)
from fbuild_watch.flash.guess import of_image
from fbuild_watch.flash.link import Patience
from fbuild_watch.flash.listener import Listener, Progress
from fbuild_watch.flash.planner import AskDigest, AskDigests
from fbuild_watch.flash.translate import translated
from fbuild_watch.flash.visit import Visit
from fbuild_watch.model import Device, FlashReport, Image, RegionReport

DEFAULT_BAUD = 460800
"""Reliable on every USB bridge in the field; platformio.ini's upload_speed overrides it."""


async def flash(
    port: Any,
    image: Image,
    *,
    name: str,
    modem_lines: bool = True,
    write_baud: int,
    run_baud: int,
    listener: Listener | None = None,
    memory: BoardMemory | None = None,
    mac: str | None = None,
    reset: str = "auto",
    patience: Patience | None = None,
) -> FlashReport:
    """Make the board on the open `port` hold `image`; return what the device has proven.

    `port` is an open pyserial-like object; `name` is what the user calls it. The board is talked
    to at up to `write_baud` and runs, with the port set to `run_baud`, when this returns or raises.
    `memory` says how boards were reached before and what they may hold; `mac` is the board that it
    has to be; `reset` a way into the bootloader (`resets.NAMED`, or a sequence of one's own).
    Cancelling ends it before the first erase; later it waits until the image is proven.
    Raises FlashError, InvalidImage, ImageTooBig, PortLost.
    """
    line = Line(port, name, modem_lines, write_baud, run_baud, reset, memory, mac)
    session = Session(line, listener=listener, chip=image.chip, patience=patience)
    return await trio.to_thread.run_sync(session.run, image, abandon_on_cancel=False)


def refuse_without_regions(image: Image, port: str) -> None:
    """An image without regions would be proven by saying nothing. Raises NoDigests."""
    if not image.regions:
        raise NoDigests(port, image.upload.tool if image.upload else None)


def check_size(image: Image, device: Device) -> None:
    """Refuse an image that ends behind the device's flash. Raises ImageTooBig."""
    limit = device.flash_size
    for region in image.regions:
        if limit is not None and region.offset + region.size > limit:
            place = f"the flash of {limit:,} bytes from {region.offset:#x} on"
            raise ImageTooBig(region.name, region.size, max(0, limit - region.offset), place)


class Session(Visit):
    """One visit to a board: connect, ask, write, prove, let it run."""

    def run(self, image: Image) -> FlashReport:
        """Bring the flash up to date, and release the board into its firmware."""
        refuse_without_regions(image, self.line.name)
        check_layout(image)
        findings = Findings()
        with self.connected() as link:
            check_size(image, self.device)
            guess = self.memory.guess(self.device.mac)
            dialogue = until_proven(image, self.line.name, link.costs, guess, findings)
            regions = self._drive(dialogue)
        self.memory.remember(self.known(), of_image(image, findings.tails))
        return FlashReport(self.line.name, self.device, regions, self.phases)

    def _drive(self, dialogue: Dialogue) -> tuple[RegionReport, ...]:
        """Answer until it ends. A broken link is the dialogue's business, a lost port is not."""
        self.step = "being checked"
        broke: LinkBroke | None = None
        answer: Answer = None
        try:
            while True:
                self._check_cancelled()
                request = dialogue.throw(broke) if broke else dialogue.send(answer)
                broke, answer = None, None
                try:
                    with translated():
                        answer = self._answer(request)
                except LinkBroke as error:
                    broke = error
        except StopIteration as stop:
            self.end_phase("verified" if self.erasing else "checked")
            reports: tuple[RegionReport, ...] = stop.value
            return reports

    def _answer(self, request: Request) -> Answer:
        match request:
            case AskDigest(offset, size):
                self._asking()
                return self.link.digest(offset, size)
            case AskDigests(questions):
                self._asking()
                return self.link.digests(questions)
            case Read(offset, size):
                return self.link.read(offset, size)
            case Prepare(writes):
                self._begin_writing([(write.offset, write.data) for write in writes])
            case Write(offset, data):
                self.link.write(offset, data, self._sent)
            case Reconnect(attempt):
                self._reconnect(attempt)
        return None

    def _asking(self) -> None:
        if self.step == "being written":
            self.end_phase("written")
            self.step = "being verified"
        self.listener.progress(Progress(self.step))

    def _begin_writing(self, writes: list[tuple[int, bytes]]) -> None:
        self.end_phase("verified" if self.erasing else "checked")
        self.link.prepare(writes)
        self._check_cancelled()
        self.step = "being written"
        if not self.erasing:
            self.erasing = True
            self.listener.erasing()

    def _sent(self, done: int, total: int) -> None:
        self.listener.progress(Progress(self.step, done, total))

    def _reconnect(self, attempt: int) -> None:
        """A link that cannot be made again ends the session, in the dialogue's place."""
        self.reconnect(attempt)
        self.step = "being checked again"
