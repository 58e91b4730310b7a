"""The core types: what passes between the stages. Frozen, pure, without behaviour of their own.

    SourceChange -> TranslationUnit -> objects -> ELF -> Region, Image -> RegionReport, FlashReport

Units: offsets and sizes are bytes, times are seconds, baud is bits a second. Paths are absolute.
Stages do not import each other; a type that two of them share stands here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, NewType

Md5 = NewType("Md5", bytes)
"""The 16 raw bytes of an MD5: the digest a device computes over a range of its flash."""

PACKAGE_RECORD = ".fbuild-package.json"
"""The file in an installed package that says what belongs to it; the folder is NAME/VERSION."""

SECTOR = 4096
"""The erase unit of the NOR flash on these boards (ESP32-S3 datasheet v2.2, table 5-11)."""

PHASES = (
    "seen", "compiled", "linked", "imaged", "connected", "checked", "erased", "written", "verified",
    "first_byte",
)  # fmt: skip
"""The phases of a pass, in order. A phase that did not happen in a pass has no time in it."""


# --- the project ---------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Environment:
    """One [env:NAME] of a platformio.ini (or a profile of a sketch.yaml), resolved.

    Flags are words, as a shell would split them. Folders need not be there.
    """

    name: str
    project_dir: Path
    src_dir: Path
    build_dir: Path
    """Where this environment's outputs go: PROJECT/.fbuild/build/NAME."""
    board: str
    """As the project names it: a name of PlatformIO's, or vendor:arch:board[:menu=choice,...].

    Empty where the project's own build needs none."""
    arduino_board: str = ""
    """The board's `build.board` in its core, where a manifest of PlatformIO's says it."""
    build_flags: tuple[str, ...] = ()
    upload_port: str | None = None
    upload_speed: int | None = None
    reset: str = "auto"
    """How the board is brought into its bootloader: a method's name, or steps."""
    mac: str | None = None
    """The board that it has to be ("aa:bb:cc:dd:ee:ff"); None: any."""
    monitor_port: str | None = None
    monitor_speed: int = 115200
    data_dir: Path | None = None
    """Files for the board's file system."""
    include_dir: Path | None = None
    lib_dir: Path | None = None
    """The project's own libraries, a folder each."""
    lib_extra_dirs: tuple[Path, ...] = ()
    """More folders of libraries: those that the project names, then PlatformIO's own."""
    build_unflags: tuple[str, ...] = ()
    """To be removed from what board, core and build_flags say."""
    build_src_flags: tuple[str, ...] = ()
    """For the sources below src_dir only."""
    src_filter: tuple[str, ...] = ("+<*>", "-<.git/>", "-<.svn/>")
    """Rules `+<PATTERN>`, `-<PATTERN>` in order, below src_dir."""
    lib_deps: tuple[str, ...] = ()
    lib_ignore: tuple[str, ...] = ()
    lib_ldf_mode: str = "chain"
    """off, chain, deep, chain+, deep+."""
    lib_compat_mode: str = "soft"
    """off, soft, strict."""
    lib_archive: bool = True
    platform: str = ""
    """PlatformIO's name of the platform, with a version or a URL where one is pinned."""
    platform_packages: tuple[str, ...] = ()
    framework: tuple[str, ...] = ()
    package_indexes: tuple[str, ...] = ()
    """URLs of Arduino package indexes that the project names."""
    board_build: Mapping[str, str] = field(default_factory=dict)
    """`board_build.KEY` by KEY."""
    board_upload: Mapping[str, str] = field(default_factory=dict)
    """`board_upload.KEY` by KEY."""
    monitor: Mapping[str, str] = field(default_factory=dict)
    """`monitor_KEY` by KEY, where it is set and has no field of its own."""
    upload: Mapping[str, str] = field(default_factory=dict)
    """`upload_KEY` by KEY, where it is set and has no field of its own."""
    custom: Mapping[str, str] = field(default_factory=dict)
    """`custom_KEY` by KEY."""
    read_from: tuple[Path, ...] = ()
    """The files that all this was read from."""
    read_in: tuple[Path, ...] = ()
    """Folders in which there may come to be more of them."""
    warnings: tuple[str, ...] = ()
    """What is likely a slip, each with its file and line."""
    unsupported: tuple[str, ...] = ()
    """What the project asks for and does not get, each with its file and line."""


@dataclass(frozen=True, slots=True)
class Installed:
    """What was installed for a project, and where it lies."""

    platforms: Mapping[str, Path] = field(default_factory=dict)
    """ "vendor:arch" -> the folder with its platform.txt and boards.txt."""
    tools: Mapping[str, Path] = field(default_factory=dict)
    """ "NAME" and "NAME-VERSION" -> the folder that `runtime.tools.KEY.path` names."""
    libraries: tuple[Path, ...] = ()
    """The root folders of libraries, each once."""


@dataclass(frozen=True, slots=True)
class TranslationUnit:
    """One source file, and the command that makes its object and its depfile."""

    source: Path
    object: Path
    depfile: Path
    argv: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Step:
    """A command of the recipe that is no translation unit: a hook, an archive, the link."""

    name: str
    argv: tuple[str, ...]
    output: Path | None = None
    """What it makes; None: nobody knows, so it is run with every build that does anything."""
    inputs: tuple[Path, ...] = ()
    depfile: Path | None = None


@dataclass(frozen=True, slots=True)
class GeneratedFile:
    """A source that is made from others: the builder writes it before anything is compiled."""

    path: Path
    content: bytes


@dataclass(frozen=True, slots=True)
class UploadRecipe:
    """How a core uploads with a program of its own (`tools.NAME.upload.pattern`), for one board."""

    tool: str
    """The core's name of it: "avrdude"."""
    argv: tuple[str, ...]
    """What was not known when this was planned is still a reference in a word: `{serial.port}`,
    `{serial.port.file}`."""
    speed: int | None = None
    touch_1200: bool = False
    """Whether opening the port at 1200 baud sends the board into its bootloader."""
    wait_for_port: bool = False
    """Whether the bootloader then comes up as another port."""


@dataclass(frozen=True, slots=True)
class SizeRecipe:
    """What a board holds, and how a core counts it: `recipe.size.regex*`, `upload.maximum_*`.

    The patterns match lines as `size -A` prints them (`.text 1234 0`), with the bytes as group 1.
    """

    program: str = ""
    data: str = ""
    maximum_program: int | None = None
    maximum_data: int | None = None


@dataclass(frozen=True, slots=True)
class BuildPlan:
    """Everything an environment needs built, in order: prebuild, units, archives, link, finish.

    With core_hooks the units have two parts: those of others, core_hooks, those of the core.
    """

    environment: Environment
    chip: str | None
    """esptool's name of the chip ("esp32c3"); None: no chip of esptool's, the artifacts are all."""
    prebuild: tuple[Step, ...]
    units: tuple[TranslationUnit, ...]
    archives: tuple[Step, ...]
    link: Step
    elf: Path
    flash: FlashSettings
    core_hooks: tuple[Step, ...] = ()
    core_units: int = 0
    """How many of the first units are the core's."""
    bootloader_elf: Path | None = None
    bootloader_offset: int = 0
    partitions_csv: Path | None = None
    flash_files: tuple[tuple[int, Path], ...] = ()
    """What the core's own upload writes with esptool, each at its offset; empty: it has none."""
    app_from_elf: bool = True
    """Whether the app's image is made of the ELF here; else a step has made it."""
    watch_roots: tuple[Path, ...] = ()
    """Folders whose files can change the result: sources, includes, core and variant."""
    watch_beside: tuple[Path, ...] = ()
    """More such folders, of which only the files in them count, not what is below: those of the
    files that the plan reads, and the user's include path."""
    finish: tuple[Step, ...] = ()
    """After the link, in order: its hooks, the objcopy recipes and theirs, postbuild."""
    generated: tuple[GeneratedFile, ...] = ()
    """To be written before the first unit is compiled."""
    artifacts: tuple[Path, ...] = ()
    """What the objcopy recipes make of the ELF: firmware.hex, firmware.eep."""
    upload: UploadRecipe | None = None
    size: SizeRecipe = field(default_factory=SizeRecipe)
    toolchain: str = ""
    """What compiles, in words for the user."""
    core: str = ""
    """Which core is built, its version and place, in words for the user."""
    libraries: tuple[str, ...] = ()
    """The libraries that the sources need, in words: name, version and place."""
    warnings: tuple[str, ...] = ()
    """What the user should know of this plan: what a core or library asks for and does not get."""
    read_from: tuple[Path, ...] = ()
    """The files that this plan was made from: a change in one of them asks for a new plan."""


@dataclass(frozen=True, slots=True)
class ForeignPlan:
    """A project that another program builds: its commands, and where its images lie then."""

    environment: Environment
    folder: Path
    """Where the commands run."""
    commands: tuple[tuple[str, ...], ...]
    """In order; the first that fails ends the build."""
    clean: tuple[tuple[str, ...], ...] = ()
    """Run before the commands where all is to be built anew."""
    flasher_args: Path | None = None
    """The file that names the images and their offsets."""
    regions: tuple[tuple[int, Path], ...] = ()
    """Images at offsets, where no such file names them."""
    elf: Path | None = None
    deps_from: tuple[str, ...] = ()
    """A command that prints what ninja knows of each output's inputs."""
    depfiles: Path | None = None
    """The folder below which the compilers leave depfiles."""
    outputs: tuple[Path, ...] = ()
    """What the commands write, files and folders: a change there is no edit."""
    tools: tuple[Path, ...] = ()
    """Where the compilers are installed: their own headers are not watched."""
    watch_roots: tuple[Path, ...] = ()
    toolchain: str = ""
    """What builds, in words for the user."""


@dataclass(frozen=True, slots=True)
class FlashSettings:
    """What the header of an ESP image says of the flash: mode, frequency, size."""

    mode: str = "dio"
    freq: str = "80m"
    size: str = "4MB"
    elf_sha256_offset: int | None = None
    """Where in the app's image the digest of its ELF stands; None: nowhere."""


# --- the image -----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Region:
    """Bytes that belong at an offset of the flash."""

    name: str
    offset: int
    data: bytes = field(repr=False)

    @property
    def size(self) -> int:
        """Length in bytes."""
        return len(self.data)


@dataclass(frozen=True, slots=True)
class Image:
    """All that a board must hold to run this build."""

    regions: tuple[Region, ...]
    chip: str | None = None
    """The chip it is for ("esp32c3"); None: whatever is there (plain files)."""
    elf: Path | None = None
    build_id: str = ""
    """The first hex digits of a digest over all regions: names a build in messages."""
    upload: UploadRecipe | None = None
    """The program that writes it, where that is not us: then there are no regions."""


@dataclass(frozen=True, slots=True)
class BuildReport:
    """What a build did, and the image it made."""

    image: Image
    compiled: tuple[Path, ...]
    """The sources that were compiled in this build."""
    linked: bool
    phases: Mapping[str, float]
    reasons: Mapping[str, str] = field(default_factory=dict)
    """Why each source was compiled and each step run, by the name a person knows."""


# --- the device ----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Device:
    """Who answered: chip in esptool's words ("ESP32-C3"), MAC, flash size in bytes."""

    chip: str
    mac: str
    flash_size: int | None


@dataclass(frozen=True, slots=True)
class RegionReport:
    """What became of one region. Both states are proven by the device's own digest."""

    name: str
    offset: int
    size: int
    state: Literal["unchanged", "written"]
    sectors_written: int


@dataclass(frozen=True, slots=True)
class FlashReport:
    """A proven flash: every region's digest was given by the device and is the image's."""

    port: str
    device: Device
    regions: tuple[RegionReport, ...]
    phases: Mapping[str, float]

    @property
    def sectors_written(self) -> int:
        """The number of 4 KB sectors that were written."""
        return sum(region.sectors_written for region in self.regions)


Proof = Literal["device-digest", "tool-verified", "tool-exit"]
"""What says that a board holds a build: digests that the device computed over its own flash; an
upload tool that read back what it wrote; or no more than that tool's exit code."""


@dataclass(frozen=True, slots=True)
class UploadReport:
    """An upload by a core's own program. Nothing here is a digest of the device's."""

    port: str
    tool: str
    proof: Literal["tool-verified", "tool-exit"]
    phases: Mapping[str, float]
    stdout: str = field(default="", repr=False)
    stderr: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class RegionCheck:
    """What the device says of one region, when nothing is to be written."""

    name: str
    offset: int
    size: int
    state: Literal["same", "different"]


@dataclass(frozen=True, slots=True)
class VerifyReport:
    """The digests of all regions, as the device gave them, held against the image."""

    port: str
    device: Device
    regions: tuple[RegionCheck, ...]
    phases: Mapping[str, float]

    @property
    def different(self) -> tuple[RegionCheck, ...]:
        """The regions that the board does not hold."""
        return tuple(region for region in self.regions if region.state == "different")


@dataclass(frozen=True, slots=True)
class Range:
    """A named piece of a board's flash."""

    name: str
    offset: int
    size: int


@dataclass(frozen=True, slots=True)
class EraseReport:
    """Erased, by the device's own digest of the ranges."""

    port: str
    device: Device
    ranges: tuple[Range, ...]
    phases: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class OperationResult:
    """One value for every outcome of what was asked of a board: done, refused or failed.

    Programs branch on `code` (empty: done) or `exit_code`, never on the words.
    """

    success: bool
    message: str
    exit_code: int = 0
    code: str = ""
    hint: str = ""
    port: str | None = None
    device: Device | None = None
    """Who answered; None: the board was never reached."""
    regions: tuple[RegionReport | RegionCheck | Range, ...] = ()
    phases: Mapping[str, float] = field(default_factory=dict)
    proof: Proof | None = None
    """What says that it is done; None: it is not, or nothing was to be proven."""
    stdout: str = ""
    stderr: str = ""
    """What a compiler or an upload tool said, where one had a part in it."""


# --- the console ---------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class DeviceText:
    """A piece of what the board says: whole lines, or a tail that has no newline yet.

    A partial piece is shown at once; the next piece continues it on the same line.
    """

    text: str
    """Without the line ending."""
    complete: bool
    """Whether a line ending came."""
    at: float
    """When its first byte arrived (trio.current_time of the reader)."""


@dataclass(frozen=True, slots=True)
class Notice:
    """Something fbuild says in the scrollback."""

    text: str
    kind: Literal["info", "good", "bad"] = "info"
    proven: str | None = None
    """The build that the board holds from here on; what it says after this is of that build."""


@dataclass(frozen=True, slots=True)
class Status:
    """What the bottom bar shows from now on."""

    text: str
    """What is being done, and which build the board holds."""
    chip: str = ""
    """In esptool's words; empty: nobody asked the board yet."""
    port: str = ""
    baud: int | None = None
    took: float | None = None
    """Seconds of the last pass that reached the board."""
    errors: int = 0
    """Of the newest build."""


@dataclass(frozen=True, slots=True)
class DeviceBytes:
    """What one read of the port gave, before it is made into text (the `DeviceText` that follow)."""

    data: bytes
    at: float
    """When it arrived (trio.current_time of the reader)."""


ConsoleItem = DeviceBytes | DeviceText | Notice | Status
"""What a console shows, in the order in which it happened."""


@dataclass(frozen=True, slots=True)
class Typed:
    """Bytes for the board."""

    data: bytes


CommandName = Literal[
    "flash", "rebuild", "verify", "reset", "bootloader", "pause", "resume", "baud", "dtr", "rts",
    "break", "send", "explain", "size", "ports", "status", "quit",
]  # fmt: skip
"""What a console may ask of whoever has the board. The answers are notices in its stream."""


@dataclass(frozen=True, slots=True)
class Command:
    """A key or a `:command` of the console that is for the loop, not for the board."""

    name: CommandName
    arguments: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class InputEnded:
    """What was piped into a console is at its end: nothing more will be typed there."""


ConsoleInput = Typed | Command | InputEnded
"""What a person does in a console."""
