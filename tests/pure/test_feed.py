"""The feed of a console that does not read: bounded, the newest kept, the loss told, no notice lost."""

from __future__ import annotations

import trio

from fbuild_watch.feed import LIMIT, Feed, weight
from fbuild_watch.model import ConsoleItem, DeviceBytes, DeviceText, Notice, Status


def line(number: int) -> DeviceText:
    return DeviceText(f"line {number} " + "x" * 50, complete=True, at=0.0)


def drain(feed: Feed) -> list[ConsoleItem]:
    return [feed.items.receive_nowait() for _ in range(feed.items.statistics().current_buffer_used)]


def test_what_is_read_in_time_is_whole() -> None:
    feed, seen = Feed(), []
    for number in range(200_000):
        feed.put(line(number))
        seen += drain(feed)
    assert seen == [line(number) for number in range(200_000)]


def test_what_nobody_reads_is_bounded_and_the_loss_is_told_once() -> None:
    feed = Feed()
    feed.put(Notice("flashed", "good", "1f3a"))
    feed.set_status(Status("idle"))
    count = 5 * LIMIT // weight(line(0))
    for number in range(count):
        feed.put(DeviceBytes(b"x" * 10, 0.0))
        feed.put(line(number))
    waiting = drain(feed)
    assert sum(map(weight, waiting)) <= 2 * LIMIT + 1000
    assert waiting[:2] == [Notice("flashed", "good", "1f3a"), Status("idle")]
    assert waiting[-1] == line(count - 1)
    texts = [item for item in waiting if isinstance(item, DeviceText)]
    lost = [item for item in waiting[2:] if isinstance(item, Notice)]
    told = sum(int(notice.text.split()[0].replace(",", "")) for notice in lost)
    assert told == count - len(texts)
    assert texts == [line(number) for number in range(count - len(texts), count)]


async def test_the_sender_never_waits_and_the_end_comes_after_what_waits() -> None:
    feed, tapped = Feed(), []
    feed = Feed(tapped.append)
    with trio.fail_after(5):
        for number in range(3):
            await feed.show(line(number))
        feed.close()
        assert [item async for item in feed.items] == tapped == [line(n) for n in range(3)]
