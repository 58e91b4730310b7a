"""What was built, or given, is no image for this board. The tree and the rules stand in the package."""

from __future__ import annotations

from fbuild_watch.errors.base import FbuildError


class ImageError(FbuildError):
    """The built or given files are no image for this board."""

    code = "image"
    exit_code = 30


class InvalidImage(ImageError):
    """A file is not what its place in flash needs."""

    code = "invalid-image"


class InvalidPartitions(ImageError):
    """The partition table breaks a rule of ESP-IDF's."""

    code = "invalid-partitions"
    exit_code = 31

    def __init__(self, message: str, *, path: str, line: int | None = None, hint: str = "") -> None:
        where = f"{path}:{line}" if line is not None else path
        super().__init__(f"{where}: {message}", hint=hint, path=path, line=line)


class ImageTooBig(ImageError):
    """A region does not fit its partition or the flash."""

    code = "image-too-big"
    exit_code = 32

    def __init__(self, region: str, size: int, limit: int, limit_name: str) -> None:
        super().__init__(
            f"{region} is {size:,} bytes, {size - limit:,} more than {limit_name} holds ({limit:,})",
            hint="make it smaller, or give it a larger partition",
            region=region,
            size=size,
            limit=limit,
        )
