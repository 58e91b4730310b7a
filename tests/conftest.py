"""For all tests: no network; property tests are judged by their result, not by the machine's load."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from hypothesis import settings

from tests.guard import plugin
from tests.guard.plugin import nothing_blocks as nothing_blocks  # a fixture of all tests

os.environ["FBUILD_OFFLINE"] = "1"  # no test asks a server that it does not run itself

settings.register_profile("fbuild", deadline=None)
settings.load_profile("fbuild")

os.environ["FBUILD_CACHE_LIMIT"] = "0"


def pytest_configure(config: pytest.Config) -> None:
    """Watch whoever runs tests: with workers side by side, each of them."""
    if not config.option.numprocesses:
        plugin.begin()


def pytest_xdist_auto_num_workers() -> int:
    """How many tests run side by side with `-n auto`: most of them wait most of the time."""
    return 2 * (os.cpu_count() or 1)


@pytest.fixture(scope="session", autouse=True)
def user(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Somebody who shares no process, packages and history with the one who runs the tests."""
    folder = tmp_path_factory.mktemp("user")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FBUILD_RUNTIME_DIR", str(folder / "run"))
        patch.setenv("FBUILD_PACKAGES_DIR", str(folder / "packages"))
        patch.setenv("XDG_STATE_HOME", str(folder / "state"))
        yield
