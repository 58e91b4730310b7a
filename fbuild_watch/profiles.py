"""The two profiles of a project's own build: dev, which is for edits, and release, the recipe.

Dev leaves out link-time optimisation, unless `custom_fbuild_lto = yes`; release writes to a folder
of its own. A dev image that does not fit the board is no use: then the recipe's flags are taken,
until a new plan is made.
"""

from __future__ import annotations

import shlex
from dataclasses import replace

from fbuild_watch.build import check_fits, program_size, without_lto
from fbuild_watch.errors import (
    FbuildError,
    ImageTooBig,
    InvalidProject,
    LinkFailed,
    ProgramMissing,
)
from fbuild_watch.model import BuildPlan, Environment
from fbuild_watch.system import surroundings

_LTO_OPTION = "fbuild_lto"
_LAUNCHER_OPTION = "compiler_launcher"
_YES = ("yes", "true", "on", "1")
_OVERFLOWS = ("overflowed by", "will not fit in region", "section too large")
"""How linkers say that a memory region is too small: GNU ld (twice), lld."""


class Profile:
    """How the plans of one pipeline differ from the recipe."""

    def __init__(self, *, release: bool) -> None:
        self._release = release
        self._recipe: BuildPlan | None = None
        self._taken: BuildPlan | None = None

    def environment(self, environment: Environment) -> Environment:
        """The environment, with the profile's own folder for outputs."""
        if not self._release:
            return environment
        return replace(environment, build_dir=environment.build_dir / "release")

    def plan(self, recipe: BuildPlan) -> BuildPlan:
        """What is built for a plan by the recipe; the same object for the same object."""
        if recipe is not self._recipe or self._taken is None:
            text = recipe.environment.custom.get(_LTO_OPTION, "")
            keeps = self._release or text.strip().lower() in _YES
            self._recipe, self._taken = recipe, recipe if keeps else without_lto(recipe)
        return self._taken

    def fall_back(self, plan: BuildPlan, error: FbuildError) -> BuildPlan | None:
        """The recipe, if `plan` does not fit the board and the recipe may; taken from now on."""
        if plan is self._recipe or not _is_too_big(error):
            return None
        self._taken = self._recipe
        return self._recipe

    def cost(self, plan: BuildPlan) -> tuple[int, int | None] | None:
        """Bytes of a dev build, and of the last release (None: there is none here).

        None as a whole where dev is no different from the recipe.
        """
        if plan is self._recipe:
            return None
        now = program_size(plan.elf, plan.size)
        release = plan.environment.build_dir / "release" / plan.elf.name
        return None if now is None else (now, program_size(release, plan.size))

    def check_fits(self, plan: BuildPlan) -> None:
        """Raise ImageTooBig when the ELF is more than the board holds.

        An ESP's flash has partitions, and the image room holds regions against them.
        """
        if plan.chip is None:
            check_fits(plan)


def launcher(environment: Environment) -> tuple[str, ...]:
    """What `custom_compiler_launcher` names (ccache, distcc): compilers are run through it.

    Raises InvalidProject, and ProgramMissing where it is not installed.
    """
    text = environment.custom.get(_LAUNCHER_OPTION, "")
    try:
        words = tuple(shlex.split(text))
    except ValueError as error:
        message = f"custom_{_LAUNCHER_OPTION} = {text!r} cannot be split into words ({error})"
        raise InvalidProject(message, path=str(environment.project_dir)) from error
    if words and surroundings.which(words[0]) is None:
        hint = f"install {words[0]}, or remove custom_{_LAUNCHER_OPTION}"
        raise ProgramMissing(words[0], f"custom_{_LAUNCHER_OPTION}", hint=hint)
    return words


def _is_too_big(error: FbuildError) -> bool:
    if isinstance(error, LinkFailed):
        return any(words in error.diagnostics for words in _OVERFLOWS)
    return isinstance(error, ImageTooBig)
