"""Cores, tools and libraries that are not there or not right. The tree and the rules stand in the package."""

from __future__ import annotations

from fbuild_watch.errors.base import FbuildError


class PackageError(FbuildError):
    """A core, a tool or a library could not be had."""

    code = "package"
    exit_code = 100


class PackageNotFound(PackageError):
    """Nothing that was looked at has such a package (or such a version, or one for this machine)."""

    code = "package-not-found"

    def __init__(self, package: str, *, searched: list[str], reason: str = "", hint: str) -> None:
        where = ", ".join(searched) or "nowhere: no index is known that could have it"
        super().__init__(
            f"{package} was not found{f': {reason}' if reason else ''} (looked in: {where})",
            hint=hint,
            package=package,
            searched=searched,
            reason=reason,
        )


class UnsupportedPackage(PackageError):
    """A requirement is not written in a form that fbuild knows."""

    code = "unsupported-package"
    exit_code = 101

    def __init__(self, package: str, reason: str, *, hint: str) -> None:
        super().__init__(f"{package!r} {reason}", hint=hint, package=package, reason=reason)


class InvalidIndex(PackageError):
    """A package or library index is not what it should be."""

    code = "invalid-index"
    exit_code = 102

    def __init__(self, url: str, reason: str) -> None:
        super().__init__(
            f"the index {url} cannot be read: {reason}",
            hint="check its URL; it must be an Arduino package_*_index.json or library_index.json",
            url=url,
            reason=reason,
        )


class DownloadFailed(PackageError):
    """A server did not give what was asked of it."""

    code = "download-failed"
    exit_code = 103

    def __init__(self, package: str, url: str, reason: str, *, tries: int) -> None:
        super().__init__(
            f"{package} could not be downloaded from {url}: {reason} (tries: {tries})",
            hint="check the URL, the network, the proxy variables (HTTPS_PROXY, NO_PROXY) and "
            "SSL_CERT_FILE, then try again: what has arrived is kept",
            package=package,
            url=url,
            reason=reason,
            tries=tries,
        )


class Offline(PackageError):
    """A package is needed, and the network is switched off (--offline, FBUILD_OFFLINE)."""

    code = "offline"
    exit_code = 107

    def __init__(self, package: str, *, searched: list[str]) -> None:
        super().__init__(
            f"{package} is not installed, and fbuild is offline (looked in: {', '.join(searched)})",
            hint="run once without --offline and FBUILD_OFFLINE, with a network; a core in the "
            "project's hardware folder or from the distribution (arduino-core-avr) needs none",
            package=package,
            searched=searched,
        )


class ChecksumMismatch(PackageError):
    """What arrived is not what the index promises."""

    code = "checksum-mismatch"
    exit_code = 104

    def __init__(self, package: str, url: str, *, expected: str, found: str) -> None:
        super().__init__(
            f"{package} from {url} is not what its index says: expected {expected}, got {found}",
            hint="nothing was installed; try again, and if it stays so tell who publishes the index",
            package=package,
            url=url,
            expected=expected,
            found=found,
        )


class UnsafeArchive(PackageError):
    """An archive tries to do what no package may do. Nothing of it was kept."""

    code = "unsafe-archive"
    exit_code = 105

    def __init__(self, archive: str, member: str, reason: str) -> None:
        super().__init__(
            f"{archive} is refused: {member!r} {reason}",
            hint="nothing was installed; tell who publishes it",
            archive=archive,
            member=member,
            reason=reason,
        )


class InvalidArchive(PackageError):
    """A file is no archive, or a broken one."""

    code = "invalid-archive"
    exit_code = 106

    def __init__(self, archive: str, reason: str) -> None:
        super().__init__(
            f"{archive} cannot be unpacked: {reason}",
            hint="an archive is zip, tar, tar.gz, tar.bz2, tar.xz or tar.zst, and must be whole",
            archive=archive,
            reason=reason,
        )


class PackageInUse(PackageError):
    """Somebody works with the package that is to be removed."""

    code = "package-in-use"
    exit_code = 108

    def __init__(self, package: str) -> None:
        super().__init__(
            f"{package} is in use by another fbuild",
            hint="end that one first (fbuild status names it)",
            package=package,
        )


class StoreUnusable(PackageError):
    """The folder of the installed packages cannot be read or written."""

    code = "store-unusable"
    exit_code = 109

    def __init__(self, path: str, reason: str, *, hint: str = "") -> None:
        super().__init__(
            f"{path}: {reason}",
            hint=hint or "make room or give access, or name another folder in FBUILD_PACKAGES_DIR",
            path=path,
            reason=reason,
        )
