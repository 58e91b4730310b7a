"""For all tests: property tests are judged by their result, not by the load of the machine."""

from __future__ import annotations

from hypothesis import settings

settings.register_profile("fbuild", deadline=None)
settings.load_profile("fbuild")
