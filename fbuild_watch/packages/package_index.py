"""Arduino's package index files (`package_*_index.json`). Pure: bytes in, platforms and tools out.

Format: "Package index JSON specification" of Arduino. What a package manager does not need
(maintainers, boards' names, help) is not read. A field that is missing where it is needed is said
when it is needed: one careless entry does not spoil an index.
"""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

from fbuild_watch.errors import InvalidIndex
from fbuild_watch.packages import hosts
from fbuild_watch.packages.resource import Resource, resource


class _Download(msgspec.Struct):
    url: str = ""
    archiveFileName: str = ""  # noqa: N815  (the format's own names)
    checksum: str = ""
    size: int | str | None = 0


class _System(_Download):
    host: str = ""


class _Tool(msgspec.Struct):
    name: str = ""
    version: str = ""
    systems: list[_System] | None = None


class _Dependency(msgspec.Struct):
    packager: str = ""
    name: str = ""
    version: str = ""


class _Platform(_Download):
    architecture: str = ""
    version: str = ""
    toolsDependencies: list[_Dependency] | None = None  # noqa: N815


class _Package(msgspec.Struct):
    name: str = ""
    platforms: list[_Platform] | None = None
    tools: list[_Tool] | None = None


class _Index(msgspec.Struct):
    packages: list[_Package]


@dataclass(frozen=True, slots=True, order=True)
class ToolName:
    """A tool exactly as a platform asks for it."""

    vendor: str
    name: str
    version: str

    def __str__(self) -> str:
        return f"{self.vendor}:{self.name}@{self.version}"


@dataclass(frozen=True, slots=True)
class PlatformRelease:
    """One version of a platform, and what it needs."""

    vendor: str
    arch: str
    version: str
    archive: _Download
    tools: tuple[ToolName, ...]


@dataclass(frozen=True, slots=True)
class PackageIndex:
    """One index file."""

    url: str
    packages: tuple[_Package, ...]

    def platforms(self, vendor: str, arch: str) -> list[PlatformRelease]:
        """Every version of a platform."""
        return [
            PlatformRelease(vendor, arch, found.version, found, _dependencies(found))
            for package in self._of(vendor)
            for found in package.platforms or []
            if found.architecture == arch and found.version
        ]

    def tools_of(self, arch: str) -> tuple[ToolName, ...]:
        """What the first platform of an architecture needs, whatever its vendor and version."""
        platforms = (found for package in self.packages for found in package.platforms or [])
        first = next((found for found in platforms if found.architecture == arch), None)
        return _dependencies(first) if first else ()

    def names(self) -> list[str]:
        """Every platform it has, as vendor:arch."""
        return sorted({
            f"{package.name}:{found.architecture}"
            for package in self.packages for found in package.platforms or []
        })  # fmt: skip

    def tool(self, name: ToolName, host: hosts.Host) -> Resource | None:
        """The build of a tool for a host. None: it is not here, or not for that host.

        Raises InvalidIndex.
        """
        for package in self._of(name.vendor):
            for tool in package.tools or []:
                if (tool.name, tool.version) == (name.name, name.version):
                    systems = tool.systems or []
                    place = hosts.choose(host, [system.host for system in systems])
                    if place is not None:
                        return self.resource(f"tool {name}", systems[place])
        return None

    def hosts_of(self, name: ToolName) -> list[str]:
        """The triples that a tool is built for."""
        return [
            system.host
            for package in self._of(name.vendor) for tool in package.tools or []
            if (tool.name, tool.version) == (name.name, name.version)
            for system in tool.systems or []
        ]  # fmt: skip

    def resource(self, name: str, entry: _Download) -> Resource:
        """What to download. Raises InvalidIndex for an entry without URL or digest."""
        return resource(self.url, name, entry.url, entry.size, entry.checksum)

    def _of(self, vendor: str) -> list[_Package]:
        return [package for package in self.packages if package.name == vendor]


def parse(data: bytes, url: str) -> PackageIndex:
    """Read an index file. Raises InvalidIndex."""
    try:
        index = msgspec.json.decode(data.removeprefix(b"\xef\xbb\xbf"), type=_Index)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise InvalidIndex(url, str(error)) from error
    return PackageIndex(url, tuple(index.packages))


def _dependencies(platform: _Platform) -> tuple[ToolName, ...]:
    return tuple(
        ToolName(tool.packager, tool.name, tool.version)
        for tool in platform.toolsDependencies or []
    )
