"""However files were edited, an incremental build makes the ELF that a clean build makes.

The edits are a person's, an editor's, git's and fate's: files written, renamed, deleted; a header
that comes to lie before another; flags; a restart; a build killed with its compilers; times set
back. Some builds are told what changed (a hint), some have to look, some find objects in a cache
that another checkout has filled.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

import trio
from hypothesis import given, settings
from hypothesis import strategies as st

from fbuild_watch.build import Builder
from fbuild_watch.build.cache import ObjectCache
from fbuild_watch.errors import BuildError
from tests.real.build_kit import HostProject, script

NAMES = ("main", "lib_a", "lib_b", "extra")
HEADERS = ("one.h", "two.h")
FOLDERS = ("src", "include")
UNLISTED = {
    "asks": "#if __has_include(CONFIG)\n#define IT 7\n#else\n#define IT 8\n#endif\n",
    "own": "#include <limits.h>\n#define IT (INT_MAX & 7)\n",
    "copies": '#define COPY(f) __asm__(".data\\n.incbin \\"" f "\\"\\n.text")\n'
    'COPY("blob.txt");\n#define IT 9\n',
}
"""Sources that read what no depfile names."""
FILES = {
    "src/late.h": "",
    "src/limits.h": "#define INT_MAX {}\n",
    "blob.txt": "{}",
    "symbols.ld": "symbol = {};\n",
}
"""What these sources, and the linker's script, read."""

edits = st.one_of(
    st.tuples(st.just("header"), st.sampled_from(HEADERS), st.integers(0, 2)),
    st.tuples(st.just("shadow"), st.sampled_from(HEADERS), st.integers(0, 2)),
    st.tuples(st.just("unshadow"), st.sampled_from(HEADERS), st.just(0)),
    st.tuples(st.just("source"), st.sampled_from(NAMES), st.integers(0, 2)),
    st.tuples(st.just("includes"), st.sampled_from(NAMES), st.sampled_from(HEADERS)),
    st.tuples(st.just("delete"), st.sampled_from(NAMES[1:]), st.just(0)),
    st.tuples(st.just("rename"), st.sampled_from(NAMES[1:]), st.sampled_from(NAMES[1:])),
    st.tuples(st.just("break"), st.sampled_from(NAMES), st.just(0)),
    st.tuples(st.just("past"), st.sampled_from(NAMES), st.integers(0, 2)),
    st.tuples(st.just("object"), st.sampled_from(NAMES), st.just(0)),
    st.tuples(st.just("flag"), st.just(""), st.integers(0, 1)),
    st.tuples(st.just("text"), st.sampled_from(NAMES), st.sampled_from(tuple(UNLISTED))),
    st.tuples(st.just("file"), st.sampled_from(tuple(FILES)), st.integers(0, 2)),
    st.tuples(st.just("gone"), st.sampled_from(tuple(FILES)), st.just(0)),
)
"""What happens to files. Headers lie in include/; a shadow is one of the same name in src/."""

events = st.sampled_from(["hint", "hint", "look", "restart", "killed"])
"""How the next build comes to know of it."""


@dataclass
class Story:
    """One project, and what was done to it since its last build."""

    root: Path
    cache: ObjectCache | None
    changed: set[Path] = field(default_factory=set)
    told: bool = True
    """Whether `changed` says all: an object that is damaged is nobody's edit."""

    def __post_init__(self) -> None:
        self.project = HostProject(self.root, flags=("-O0", "-g"))
        self.project.flags = (*self.project.flags, f"-I{self.root}/include", "-DCONFIG=<late.h>")
        self.project.flags = (*self.project.flags, f"-I{self.root}/src")
        # without the C library: a third of the time
        self.project.link_flags = ("-nostdlib", "-Wl,-e,main", "-Wl,-T,main.ld")
        (self.root / "main.ld").write_text("INCLUDE symbols.ld\nINSERT AFTER .text;\n")
        for file in ("blob.txt", "symbols.ld"):
            self.apply("file", file, 1)
        (self.root / "include").mkdir()
        for header in HEADERS:
            self.apply("header", header, 1)
        for name in NAMES:
            self.apply("source", name, 1)
        self.apply("includes", "main", "one.h")
        for name, kind in zip(NAMES[1:], UNLISTED, strict=True):
            self.apply("text", name, kind)
        self.builder = self.new_builder()

    def new_builder(self) -> Builder:
        return Builder(self.project.plan(), jobs=2, cache=self.cache)

    def write(self, path: Path, text: str) -> None:
        path.write_text(text)
        self.changed.add(path)

    def apply(self, what: str, name: str, value: object) -> None:
        """Make one edit."""
        source = self.project.src / f"{name}.c"
        entry = "main" if name == "main" else f"f_{name}"
        body = f"int {entry}(void) {{ return {value}; }}\n"
        if what in ("header", "shadow"):
            folder = self.root / ("include" if what == "header" else "src")
            self.write(folder / name, f"#define VALUE_{name[:3]} {value}\n")
        elif what == "unshadow":
            self.remove(self.project.src / name)
        elif what == "source":
            self.write(source, body)
        elif what == "includes":
            text = f'#include "{value}"\nint {entry}(void) {{ return VALUE_{str(value)[:3]}; }}\n'
            self.write(source, text)
        elif what == "delete":
            self.remove(source)
        elif what == "rename":
            self.rename(source, source.with_name(f"{value}.c"))
        elif what == "break":
            self.write(source, "int broken(\n")
        elif what == "past":
            self.write(source, body)
            os.utime(source, (1_000_000 + int(str(value)), 1_000_000))
        elif what == "object":
            self.damage(self.project.build_dir / "obj" / f"{name}.c.o")
        elif what == "flag":
            self.project.flags = (*self.project.flags[:5], f"-DFLAG={value}")
        elif what == "text":
            text = f"{UNLISTED[str(value)]}int {entry}(void) {{ return IT; }}\n"
            self.write(source, text)
        elif what == "file":
            self.write(self.root / name, FILES[name].format(value))
        elif what == "gone":
            self.remove(self.root / name)

    def remove(self, path: Path) -> None:
        path.unlink(missing_ok=True)
        self.changed.add(path)

    def rename(self, old: Path, new: Path) -> None:
        if old.exists():
            old.replace(new)
            self.changed.update((old, new))

    def damage(self, path: Path) -> None:
        """Somebody else writes an object."""
        if path.exists():
            path.unlink()
            path.write_bytes(b"half")
            self.told = False

    async def build(self, event: str) -> bytes | None:
        """Build as after `event`; the ELF's bytes."""
        if event == "killed":
            self.kill_a_build()
        if event in ("restart", "killed"):
            self.builder = self.new_builder()
        plan = self.project.plan()
        if plan != self.builder.plan:
            self.builder.adopt(plan)
            event = "look"
        known = self.told and self.builder.knows(self.changed)
        hint = set(self.changed) if event == "hint" and known else None
        self.changed.clear()
        self.told = True
        result = await elf_of(self.builder, hint)
        self.builder.settle([self.root / folder for folder in FOLDERS])
        return result

    def kill_a_build(self) -> None:
        """Another process builds, and is killed while its compilers run."""
        began = self.root / "began"
        slow = script(self.root / "slowcc", f'touch {began}; cc "$@"; sleep 0.2')
        code = f"""
import trio
from pathlib import Path
from fbuild_watch.build import Builder
from tests.real.build_kit import HostProject
project = HostProject(Path({str(self.root)!r}), compiler={slow!r}, flags={self.project.flags!r})
project.link_flags = {self.project.link_flags!r}
trio.run(Builder(project.plan(), jobs=2).build)
"""
        child = subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + 10
        while not began.exists() and child.poll() is None and time.monotonic() < deadline:
            time.sleep(0.005)
        child.kill()
        child.wait()
        began.unlink(missing_ok=True)


async def elf_of(builder: Builder, hint: set[Path] | None = None) -> bytes | None:
    """The bytes of the ELF and of what it could take; None where the build fails, as it should."""
    try:
        elf = (await builder.build(changed=hint)).elf
    except BuildError:
        return None
    archive = elf.with_name("lib.a")
    return elf.read_bytes() + (archive.read_bytes() if builder.plan.archives else b"")


async def clean(story: Story) -> bytes | None:
    """What a build from nothing makes of the same files, in the same place."""
    build_dir = story.project.build_dir
    kept = story.root / "kept"
    build_dir.replace(kept)
    try:
        cache = _nothing(story) if story.cache else None
        result = await elf_of(Builder(story.project.plan(), jobs=2, cache=cache))
    finally:
        shutil.rmtree(build_dir)
        kept.replace(build_dir)
    return result


def _nothing(story: Story) -> ObjectCache:
    """An empty cache: the same flags, no objects."""
    folder = story.root / "empty"
    shutil.rmtree(folder, ignore_errors=True)
    return ObjectCache(folder, 1 << 30)


async def scenario(
    folder: Path, cached: bool, steps: list[tuple[list[tuple[str, str, object]], str]]
) -> None:
    cache = ObjectCache(folder / "cache", 1 << 30) if cached else None
    story = Story(folder / "one", cache)
    other = Story(folder / "two", cache) if cached else None
    for done, event in steps:
        for edit in done:
            story.apply(*edit)
            if other is not None:
                other.apply(*edit)
        if other is not None:  # the other checkout is first: it fills the cache
            await other.build("look")
        incremental = await story.build(event)
        assert incremental == await clean(story)


@settings(max_examples=25, deadline=None)
@given(
    st.booleans(),
    st.lists(st.tuples(st.lists(edits, min_size=1, max_size=3), events), min_size=1, max_size=5),
)
def test_incremental_is_clean(
    cached: bool, steps: list[tuple[list[tuple[str, str, object]], str]]
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        trio.run(scenario, Path(folder), cached, steps)
