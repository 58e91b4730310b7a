"""Cores, tools and libraries by URL: index, download, checks, safe unpacking, a store per user.

`Packages.ensure` (session.py) is the entrance: requirements in, folders out.
"""

from fbuild_watch.packages.manifest import Manifest
from fbuild_watch.packages.places import StorePlaces, user_places
from fbuild_watch.packages.progress import OnProgress, Progress
from fbuild_watch.packages.session import Packages, is_offline
from fbuild_watch.packages.store import Store
from fbuild_watch.packages.wanted import Requirements, Wanted

__all__ = [
    "Manifest",
    "OnProgress",
    "Packages",
    "Progress",
    "Requirements",
    "Store",
    "StorePlaces",
    "Wanted",
    "is_offline",
    "user_places",
]
