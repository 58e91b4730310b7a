"""compile_commands.json: what editors and clangd read (Clang's JSON Compilation Database).

A unit with a name that is no Unicode is left out: JSON has no way to say it.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from fbuild_watch.model import BuildPlan
from fbuild_watch.system.files import write_if_changed

NAME = "compile_commands.json"


def write(plan: BuildPlan) -> bool:
    """Write it into the build folder, if it differs; whether it did."""
    directory = str(plan.environment.project_dir)
    entries = [
        {
            "directory": directory,
            "file": str(unit.source),
            "arguments": unit.argv,
            "output": str(unit.object),
        }
        for unit in plan.units
        if _is_unicode((directory, *unit.argv))
    ]
    data = msgspec.json.format(msgspec.json.encode(entries), indent=1)
    return write_if_changed(plan.environment.build_dir / NAME, data)


def _is_unicode(words: Iterable[str]) -> bool:
    try:
        "".join(words).encode()
    except UnicodeEncodeError:
        return False
    return True
