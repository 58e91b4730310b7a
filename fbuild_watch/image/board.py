"""Named pieces of the flash of a board that is there: by the partition table that it holds. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from fbuild_watch.errors import InvalidPartitions, NoAnswer, UnknownRegion
from fbuild_watch.image import partitions
from fbuild_watch.model import Device, Range


def named_ranges(
    read: Callable[[int, int], bytes], port: str, names: Sequence[str]
) -> tuple[Range, ...]:
    """The partitions that are called so, in the order of the names.

    `read(offset, size)` gives bytes of the flash. Raises UnknownRegion.
    """
    try:
        table = partitions.decode(read(partitions.TABLE_OFFSET, partitions.TABLE_SIZE), port)
    except InvalidPartitions:
        table = ()
    found = {part.name: Range(part.name, part.offset, part.size) for part in table}
    for name in names:
        if name not in found:
            raise UnknownRegion(port, name, list(found))
    return tuple(found[name] for name in names)


def chosen_ranges(
    port: str, names: Sequence[str]
) -> Callable[[Callable[[int, int], bytes], Device], Sequence[Range]]:
    """What to erase of a board that can be read: the partitions that are called so; none named: all."""

    def choose(read: Callable[[int, int], bytes], device: Device) -> Sequence[Range]:
        return named_ranges(read, port, names) if names else [whole_flash(device, port)]

    return choose


def whole_flash(device: Device, port: str) -> Range:
    """All of it. Raises NoAnswer when the board's flash does not say how large it is."""
    if device.flash_size is None:
        raise NoAnswer(port, "its flash does not say its size", hint="name a region with --region")
    return Range("flash", 0, device.flash_size)
