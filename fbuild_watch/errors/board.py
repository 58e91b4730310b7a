"""The virtual board. The tree and the rules stand in the package."""

from __future__ import annotations

from fbuild_watch.errors.base import FbuildError


class BoardUnusable(FbuildError):
    """The virtual board cannot be set up: its chip, its flash file, its port."""

    code = "board-unusable"
    exit_code = 80
