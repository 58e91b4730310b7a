"""What is said once about a platformio.ini: likely slips, and what is asked for but not done. Pure.

Rules
- An option that nobody knows is left alone; one that is nearly the name of a known one is a warning.
- What would change a build or an upload in PlatformIO and does not here is named, with its place.
- Options of commands that fbuild does not have (check_*, debug_*, test_*) are no one's loss.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator

from fbuild_watch.project import options, reaching
from fbuild_watch.project.config import Config, Found

_NEAR = 0.84
"""How alike two names must be: build_flag and build_flags are, upload_tool and upload_port are not."""

_PLATFORMIO_PIN = re.compile(r"@|://")
_ARDUINO = re.compile(r"[\w.\-]+:[\w.\-]+(@|$)")
"""`vendor:arch` with or without a version is Arduino's name of a core, and is followed."""

_OF_REGISTRY = re.compile(r"([\w.\-]+/)?[\w.\-]+\s*(@[^:/]*)?")
"""A package of PlatformIO's registry, as platform_packages name it."""

_NOT_DONE = {
    "extra_scripts": "Python scripts for PlatformIO's builder are not run",
    "targets": "only the firmware is built",
    "build_type": "the flags of PlatformIO's debug and test builds are not added",
    "upload_command": "fbuild writes the board itself",
    "upload_flags": "of the options of upload tools only --before and --after are followed",
    "monitor_parity": "the console has no parity",
    "monitor_encoding": "the console shows UTF-8",
}

_FILTERS = {
    "default", "colorize", "printable", "nocontrol", "send_on_enter", "time", "hexlify", "log2file",
    "esp32_exception_decoder", "esp32_c3_exception_decoder", "esp8266_exception_decoder",
}  # fmt: skip
"""PlatformIO's monitor filters that name what the console does, or can do (`console.options`)."""


def warnings(config: Config, environment: str) -> tuple[str, ...]:
    """Likely slips in [platformio] and in all that an environment is made of."""
    return tuple(
        text
        for section in ("platformio", config.section(environment))
        for found in config.merged(section).values()
        for text in (*_name(section, found), *_bases(config, found))
    )


def others(config: Config, taken: str) -> tuple[str, ...]:
    """What PlatformIO would build as well where nobody has named an environment: all of these."""
    names = [*config.items("platformio", "default_envs")] or config.environments()
    rest = [name for name in names if name != taken]
    return (f"environment {taken} is taken; -e takes another: {', '.join(rest)}",) if rest else ()


def unsupported(config: Config, environment: str) -> tuple[str, ...]:
    """What the environment asks for and does not get."""
    section = config.section(environment)
    named = (
        place(found, f"{name} is not supported: {words}")
        for name, words in _NOT_DONE.items()
        if (found := config.find(section, name)) is not None
        and not (name == "upload_flags" and reaching.followed(config.items(section, name)))
        and config.value(section, name) not in (options.KNOWN["env"][name].default, [], "")
    )
    return (
        *named,
        *_filters(config, section),
        *_pinned_platform(config, section),
        *_pinned_packages(config, section),
    )


def _filters(config: Config, section: str) -> Iterator[str]:
    found = config.find(section, "monitor_filters")
    names = [name for name in config.items(section, "monitor_filters") if name not in _FILTERS]
    if found is not None and names:
        yield place(
            found,
            f"monitor_filters: {', '.join(names)} not supported: PlatformIO's filters are not run, and "
            "the console has none of that name",
        )


def is_of_registry(platform_package: str) -> bool:
    """Whether an entry of platform_packages means nothing to a core of Arduino's."""
    return _OF_REGISTRY.fullmatch(platform_package.strip()) is not None


def _pinned_packages(config: Config, section: str) -> Iterator[str]:
    found = config.find(section, "platform_packages")
    for entry in config.items(section, "platform_packages"):
        if found is not None and is_of_registry(entry):
            yield place(
                found,
                f"platform_packages: {entry} is of PlatformIO's registry, and is not used: a core "
                "brings the tools that it was made with",
            )


def _pinned_platform(config: Config, section: str) -> Iterator[str]:
    """A version of PlatformIO's platform does not say which version of a core it brings."""
    found = config.find(section, "platform")
    text = config.text(section, "platform") or ""
    if found is not None and _PLATFORMIO_PIN.search(text) and not _ARDUINO.match(text):
        yield place(
            found,
            f"platform = {text} pins no core here: pin one with platform_packages = "
            "VENDOR:ARCH@VERSION, such as esp32:esp32@3.0.7",
        )


def place(found: Found, text: str) -> str:
    """A sentence with the file and the line that it is about."""
    return f"{found.option.path}:{found.option.line}: {text}"


def _name(section: str, found: Found) -> Iterator[str]:
    scope = options.scope_of(section)
    today = options.new_name(scope, found.name)
    if today != found.name:
        yield place(found, f"{found.name} is an old name of {today}")
    elif today not in options.KNOWN[scope] and not _own(scope, today):
        near = difflib.get_close_matches(today, options.KNOWN[scope], n=1, cutoff=_NEAR)
        if near:
            yield place(found, f"{today} is no option; did you mean {near[0]}?")


def _own(scope: str, name: str) -> bool:
    return scope == "env" and name.startswith(options.OWN_PREFIXES)


def _bases(config: Config, found: Found) -> Iterator[str]:
    if found.name != "extends":
        return
    for base in config.items(found.section, "extends"):
        if base not in config.document:
            near = difflib.get_close_matches(base, config.document, n=1)
            hint = f"; did you mean [{near[0]}]?" if near else ""
            yield place(found, f"extends names [{base}], which is not there{hint}")
