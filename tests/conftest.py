"""For all tests: no network; property tests are judged by their result, not by the machine's load."""

from __future__ import annotations

import os

from hypothesis import settings

from tests.guard import plugin
from tests.guard.plugin import nothing_blocks as nothing_blocks  # a fixture of all tests

os.environ["FBUILD_OFFLINE"] = "1"  # no test asks a server that it does not run itself

settings.register_profile("fbuild", deadline=None)
settings.load_profile("fbuild")

os.environ["FBUILD_CACHE_LIMIT"] = "0"

plugin.begin()


def pytest_xdist_auto_num_workers() -> int:
    """How many tests run side by side with `-n auto`: most of them wait most of the time."""
    return 2 * (os.cpu_count() or 1)
