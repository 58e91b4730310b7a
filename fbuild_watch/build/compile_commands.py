"""compile_commands.json: what editors and clangd read (Clang's JSON Compilation Database)."""

from __future__ import annotations

import json

from fbuild_watch.files import write_if_changed
from fbuild_watch.model import BuildPlan


def write(plan: BuildPlan) -> bool:
    """Write it into the build folder, if it differs; whether it did."""
    entries = [
        {
            "directory": str(plan.environment.project_dir),
            "file": str(unit.source),
            "arguments": list(unit.argv),
            "output": str(unit.object),
        }
        for unit in plan.units
    ]
    data = json.dumps(entries, indent=1).encode()
    return write_if_changed(plan.environment.build_dir / "compile_commands.json", data)
