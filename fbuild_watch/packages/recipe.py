"""How to get one package. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from fbuild_watch.packages import sources
from fbuild_watch.packages.identity import Identity
from fbuild_watch.packages.resource import Resource
from fbuild_watch.packages.sources import Source


@dataclass(frozen=True, slots=True)
class Recipe:
    """A package, where its bytes are, and what has to be installed with it."""

    identity: Identity
    origin: Resource | Source
    requires: tuple[str, ...] = ()
    """The tools of a platform, as vendor:name@version."""

    @property
    def url(self) -> str:
        """Where it comes from."""
        return self.origin.url if isinstance(self.origin, Resource) else str(self.origin)

    @property
    def is_local(self) -> bool:
        """Whether it can be had without a network."""
        return sources.local_path(self.origin.url) is not None


def from_source(identity: Identity, source: Source) -> Recipe:
    """A package that is named by its URL: nobody says its size or digest."""
    if source.form == "git":
        return Recipe(identity, source)
    return Recipe(identity, Resource(str(identity), source.url))
