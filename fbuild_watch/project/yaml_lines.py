"""YAML with the line of every name: mappings, lists and texts. Pure.

Numbers and dates stay the texts that they are written as.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fbuild_watch.errors import InvalidProject

if TYPE_CHECKING:
    from yaml import Node


@dataclass(frozen=True, slots=True)
class Map:
    """A mapping: name -> value (a text, a list or another Map), and where it stands."""

    values: dict[str, Any]
    line: int
    """0: nowhere."""
    lines: dict[str, int] = field(default_factory=dict)
    """Name -> its line."""


def parse(text: str, path: Path) -> Map:
    """Read a file that holds a mapping. Raises InvalidProject, with the line where one is known."""
    import yaml  # late: few projects have such a file

    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.context_mark or error.problem_mark
        words = ", ".join(part for part in (error.context, error.problem) if part)
        message = f"this is not YAML ({words})"
        raise InvalidProject(
            message, path=str(path), line=mark.line + 1 if mark else None
        ) from error
    except yaml.YAMLError as error:
        raise InvalidProject(f"this is not YAML ({error})", path=str(path)) from error
    value = _value(root, path, ()) if root is not None else Map({}, 1)
    if not isinstance(value, Map):
        raise InvalidProject("the file must hold names with values", path=str(path), line=1)
    return value


def _value(node: Node, path: Path, above: tuple[int, ...]) -> Any:
    line = node.start_mark.line + 1
    if id(node) in above:
        raise InvalidProject("a value holds itself", path=str(path), line=line)
    above = (*above, id(node))
    if node.id == "sequence":
        return [_value(item, path, above) for item in node.value]
    if node.id == "mapping":
        return _mapping(node, path, above)
    return "" if node.tag.endswith(":null") else str(node.value)


def _mapping(node: Node, path: Path, above: tuple[int, ...]) -> Map:
    values: dict[str, Any] = {}
    lines: dict[str, int] = {}
    for key_node, value in node.value:
        key, line = str(key_node.value), key_node.start_mark.line + 1
        if key in values:
            message = f"{key} stands here again (first at line {lines[key]})"
            raise InvalidProject(message, path=str(path), line=line)
        values[key], lines[key] = _value(value, path, above), line
    return Map(values, node.start_mark.line + 1, lines)
