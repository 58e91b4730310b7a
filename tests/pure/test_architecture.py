"""docs/architecture.md shows the loop as its table is: run this file to draw the diagram anew."""

from __future__ import annotations

import re
from pathlib import Path

from fbuild_watch.loop import TABLE, Pass

PAGE = Path(__file__).parents[2] / "docs" / "architecture.md"
DIAGRAM = re.compile(r"(?<=```mermaid\n).*?(?=```)", re.DOTALL)


def drawn() -> str:
    """The diagram: an arrow for each pair of stages, with the events that lead along it."""
    arrows: dict[tuple[Pass, Pass], list[str]] = {}
    for (stage, event), rule in TABLE.items():
        for target in sorted(rule.leads_to):
            arrows.setdefault((stage, target), []).append(event.__name__)
    arrows.setdefault((Pass.IDLE, Pass.CHECKING), []).append("an image waits, the port is there")
    arrows.setdefault((Pass.IDLE, Pass.BUILDING), []).append("edits wait")
    lines = [
        f"    {stage} --> {target}: {', '.join(dict.fromkeys(events))}"
        for (stage, target), events in arrows.items()
        if stage is not target
    ]
    return "\n".join(["stateDiagram-v2", "    [*] --> building", *lines, ""])


def test_the_diagram_is_the_table() -> None:
    match = DIAGRAM.search(PAGE.read_text(encoding="utf-8"))
    assert match
    assert match[0] == drawn(), "run: python tests/pure/test_architecture.py"


if __name__ == "__main__":
    text = PAGE.read_text(encoding="utf-8")
    PAGE.write_text(DIAGRAM.sub(lambda _match: drawn(), text), encoding="utf-8")
