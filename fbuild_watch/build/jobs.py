"""A BuildPlan as the graph's jobs. Pure."""

from __future__ import annotations

import contextlib
import os
import shlex
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from fbuild_watch.build import search
from fbuild_watch.build.graph import Job, mentions, with_library_path
from fbuild_watch.model import BuildPlan, Step, TranslationUnit

FindTool = Callable[[str], str | None]
"""The file of a command's program; None: there is none."""
AddedFlags = Callable[[str], tuple[str, ...]]
"""What to add to the commands of a compiler."""

_NAMES_A_FILE = (
    "@", "-specs=", "--specs=", "-fplugin=", "-fprofile-use=", "-fsanitize-ignorelist=",
    "-fsanitize-blacklist=", "--config=",
)  # fmt: skip
"""Words of a compiler's command that name a file of which no depfile tells."""

_MARKS = ".hooks"
"""In the build folder: a mark for each hook of which nobody knows what it makes."""

_READ_BY_COMPILERS = (
    "CPATH", "C_INCLUDE_PATH", "CPLUS_INCLUDE_PATH", "OBJC_INCLUDE_PATH", "COMPILER_PATH",
    "GCC_EXEC_PREFIX", "LIBRARY_PATH", "LD_RUN_PATH", "SOURCE_DATE_EPOCH", "CCC_OVERRIDE_OPTIONS",
    "SDKROOT", "MACOSX_DEPLOYMENT_TARGET", "ZIG_LIB_DIR",
)  # fmt: skip


def read_by_compilers(variables: Mapping[str, str]) -> tuple[str, ...]:
    """Those that change what compilers and linkers make, as a Job has them."""
    return tuple(f"{name}={variables[name]}" for name in _READ_BY_COMPILERS if name in variables)


@dataclass(frozen=True, slots=True)
class Toolchain:
    """Which inputs are the toolchain's: nobody edits them, and so nobody watches them."""

    holds: tuple[str, ...]
    """Prefixes of the paths in the compilers' folders."""
    but: tuple[str, ...]
    """Prefixes of the paths that are on an include path, or in the project."""

    @classmethod
    def of(cls, plan: BuildPlan, tool: FindTool, units: Iterable[Job]) -> Toolchain:
        """The toolchain of a plan: what lies beside its compilers (`bin/gcc`: all beside `bin`)."""
        project = str(plan.environment.project_dir)
        named = {name for folders in {unit.folders for unit in units} for name in folders}
        found = {path for unit in plan.units if (path := tool(unit.argv[0]))}
        tools = {Path(path) for path in found} | {Path(path).resolve() for path in found}
        folders = {tool.parent for tool in tools}
        homes = {path.parent if path.name == "bin" else path for path in folders}
        but = (*search.absolute(project, named), project)
        return cls(_prefixes(map(str, homes)), _prefixes(but))

    def has(self, path: str) -> bool:
        """Whether a file is the toolchain's."""
        return path.startswith(self.holds) and not path.startswith(self.but)


def _prefixes(folders: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted(f"{folder}{os.sep}" for folder in folders))


@dataclass(frozen=True, slots=True)
class Jobs:
    """All jobs of one plan, in its order."""

    build_dir: Path
    prebuild: tuple[Job, ...] = ()
    units: tuple[Job, ...] = ()
    core_hooks: tuple[Job, ...] = ()
    core_units: int = 0
    """Of the first units so many are compiled behind the others and `core_hooks`."""
    link: tuple[Job, ...] = ()
    """The archives, then the link."""
    finish: tuple[Job, ...] = ()
    places: dict[str, int] = field(default_factory=dict)
    """Where the unit that makes an object stands in `units`."""
    toolchain: Toolchain = field(default_factory=lambda: Toolchain((), ()))

    @classmethod
    def of(
        cls,
        plan: BuildPlan,
        tool: FindTool,
        added: AddedFlags = lambda _tool: (),
        environment: tuple[str, ...] = (),
    ) -> Jobs:
        """The jobs of a plan; `environment`: see read_by_compilers."""
        folder, build_dir = plan.environment.project_dir, plan.environment.build_dir

        made: set[str] = set()

        def steps(*given: Step) -> tuple[Job, ...]:
            jobs = []
            for step in given:
                job = of_step(step, folder, build_dir, tool(step.argv[0]), made, environment)
                made.update((job.output, *job.may_make))
                jobs.append(job)
            return tuple(jobs)

        units = tuple(
            of_unit(unit, folder, tool(unit.argv[0]), added(unit.argv[0]), environment)
            for unit in plan.units
        )
        return cls(
            build_dir,
            prebuild=steps(*plan.prebuild),
            units=units,
            core_hooks=steps(*plan.core_hooks),
            core_units=plan.core_units if plan.core_hooks else 0,
            link=steps(*plan.archives, plan.link),
            finish=steps(*plan.finish),
            places={job.output: place for place, job in enumerate(units)},
            toolchain=Toolchain.of(plan, tool, units),
        )

    @property
    def hooks_before_units(self) -> bool:
        """Whether something runs before a unit that may change what it reads."""
        return bool(self.prebuild or self.core_hooks)

    def steps(self) -> tuple[Job, ...]:
        """All that are no units."""
        return (*self.prebuild, *self.core_hooks, *self.link, *self.finish)

    def outputs(self) -> Iterator[str]:
        """What all jobs together make."""
        return (job.output for job in (*self.steps(), *self.units))


def of_unit(
    unit: TranslationUnit,
    folder: Path,
    tool: str | None,
    added: tuple[str, ...] = (),
    environment: tuple[str, ...] = (),
) -> Job:
    """A translation unit; `tool` is the compiler's file, an input like the source.

    So are files of words (`@flags`), specs and plugins, read from `folder` as the compiler would.

    The compiler is asked for all headers (`-MD`): a recipe leaves the toolchain's own out (`-MMD`),
    and an update of the C library would go unseen.
    """
    source = str(unit.source)
    argv = ("-MD" if word == "-MMD" else word for word in unit.argv)
    return Job(
        name=source,
        argv=(*argv, *added),
        is_unit=True,
        output=str(unit.object),
        inputs=_present(source, tool),
        mentions=tuple(
            os.path.join(folder, word[1:] if word[0] == "@" else word.partition("=")[2])  # noqa: PTH118
            for word in unit.argv
            if word.startswith(_NAMES_A_FILE)
        ),
        depfile=str(unit.depfile),
        folders=tuple(search.folders(unit.argv)),
        environment=environment,
    )


def of_step(
    step: Step,
    folder: Path,
    build_dir: Path,
    tool: str | None,
    made: Container[str] = (),
    environment: tuple[str, ...] = (),
) -> Job:
    """A step; the names in its command are read as the step would, from `folder`.

    What a command names in the build folder is declared, or `made` by an earlier step; anything else
    there is written by it (a map file).
    """
    inputs = _present(*(str(path) for path in step.inputs), tool)
    is_blind = step.output is None
    linking = with_library_path(step.argv, environment)
    said = _said_to_a_shell(step.argv) if is_blind else mentions(linking)
    named = tuple(dict.fromkeys(os.path.join(folder, name) for name in said))  # noqa: PTH118
    here = {name for name in named if name.startswith(f"{build_dir}{os.sep}")}
    return Job(
        name=step.name,
        argv=step.argv,
        output=str(step.output or build_dir / _MARKS / step.name),
        inputs=inputs,
        mentions=tuple(name for name in named if name not in here or name in made),
        depfile=str(step.depfile) if step.depfile else None,
        is_blind=is_blind,
        assembles=any(word.startswith("-flto") for word in step.argv),
        may_make=tuple(sorted(here)) if is_blind else (),
        environment=environment,
    )


def _said_to_a_shell(argv: Sequence[str]) -> list[str]:
    """The words of a command, and those in its words (`sh -c "cp a b"`)."""
    words = list(mentions(argv))
    for text in argv[1:]:
        lexer = shlex.shlex(text, posix=True, punctuation_chars=True)
        lexer.whitespace_split, lexer.commenters = True, ""
        with contextlib.suppress(ValueError):  # no shell would take it
            words += lexer
    return words


def _present(*names: str | None) -> tuple[str, ...]:
    return tuple(name for name in names if name)
