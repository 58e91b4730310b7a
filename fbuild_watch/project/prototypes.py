"""The prototypes that a sketch leaves out, found with a C++ parser (tree-sitter).

A sketch may call a function above its definition. For every free function that is defined in it a
declaration is made; the sketch's own text stays as it is.

Rules
- A prototype stands before the first function, or before a variable above it whose initial value
  names the function (`Task blink(500, &toggle);`). Where its signature names a type or a namespace
  that the sketch declares later, it stands right after that, and is left out where that is behind
  its function.
- What stands under `#if` gets its prototype under the same conditions.
- No prototype: what is declared already, members, what lies in a namespace, what has no return
  type (ISR() and other macros), specializations of templates.
- Default arguments stay with the definition only; a template that has any gets no prototype, for
  C++ lets no later declaration of one add them.
- Each prototype carries the line of its function, so that what a compiler says of it points there.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tree_sitter import Node, Parser

_CONDITIONALS = ("preproc_if", "preproc_ifdef", "preproc_else", "preproc_elif", "preproc_elifdef")
_TYPES = ("struct_specifier", "class_specifier", "union_specifier", "enum_specifier")
_TEMPLATE = "template_declaration"
_DEFAULT, _DEFAULT_TYPE = "optional_parameter_declaration", "optional_type_parameter_declaration"
_IDENTIFIER = re.compile(rb"[A-Za-z_]\w*")
_SPACE = re.compile(r"\s+")


@dataclass(frozen=True, slots=True)
class Insertion:
    """Text for a place in the sketch. `line`: the row (from 0) of the function it stands for."""

    at: int
    """The byte before which it goes; the start of a line."""
    line: int
    text: str


def missing(sketch: bytes) -> list[Insertion]:
    """The prototypes that a sketch needs, in the order of their functions."""
    root = _parser().parse(sketch).root_node
    functions = [found for found in _functions(root) if _is_free(found.node)]
    if not functions:
        return []
    declared = {_plain(node.text or b"") for node in _declarations(root)}
    order = _Order(_outermost(functions[0].node).start_byte, _uses(root), dict(_types(root)))
    made = (_insertion(sketch, function, order, declared) for function in functions)
    return [insertion for insertion in made if insertion is not None]


@lru_cache
def _parser() -> Parser:
    """Imported late: only a project with a sketch pays for it."""
    import tree_sitter
    import tree_sitter_cpp

    return tree_sitter.Parser(tree_sitter.Language(tree_sitter_cpp.language()))


@dataclass(frozen=True, slots=True)
class _Function:
    node: Node
    wrap: Callable[[str], str]
    """Puts what stands around the function around a text: `extern "C"`, `#if`."""


@dataclass(frozen=True, slots=True)
class _Order:
    """What prototypes have to stand before, and behind: bytes of the sketch."""

    first: int
    """The first function."""
    uses: dict[bytes, int]
    """Name of a function -> the first declaration that uses it."""
    types: dict[bytes, int]
    """Name of a type -> the end of its declaration."""

    def place(self, function: bytes, signature: str) -> int:
        """Where the prototype of a function goes."""
        named = _IDENTIFIER.findall(signature.encode())
        before = min(self.first, self.uses.get(function, self.first))
        return max([before, *(self.types[name] for name in named if name in self.types)])


def _insertion(
    sketch: bytes, function: _Function, order: _Order, declared: set[str]
) -> Insertion | None:
    node = function.node
    text = _signature(sketch, node)
    if _plain(f"{text};".encode()) in declared:
        return None
    at = _line_start(sketch, order.place(_declared(node), text))
    if at > _outermost(node).start_byte:
        return None
    return Insertion(at, node.start_point[0], function.wrap(f"{text};"))


def _line_start(sketch: bytes, at: int) -> int:
    """`at` itself where only white space stands before it on its line; else the next line."""
    start = sketch.rfind(b"\n", 0, at) + 1
    if not sketch[start:at].strip():
        return start
    end = sketch.find(b"\n", at)
    return len(sketch) if end < 0 else end + 1


# --- the tree ------------------------------------------------------------------------------


def _functions(node: Node, wrap: Callable[[str], str] = str) -> Iterator[_Function]:
    """Function definitions outside of namespaces and classes."""
    for child in node.children:
        if child.type == "function_definition":
            yield _Function(child, wrap)
        elif child.type in _CONDITIONALS:
            yield from _functions(child, _under(child, wrap))
        elif child.type == "linkage_specification":
            yield from _functions(child, _linked(wrap))
        elif child.type in ("declaration_list", _TEMPLATE):
            yield from _functions(child, wrap)


def _under(node: Node, wrap: Callable[[str], str]) -> Callable[[str], str]:
    """Wrapped in the conditions of this branch: those of the `#if`, up to and with this one."""
    directives = [_directive(node)]
    above = node
    while above.type not in ("preproc_if", "preproc_ifdef") and above.parent is not None:
        above = above.parent
        directives.insert(0, _directive(above))
    if len(directives) > 1:  # the `#if` itself is in `wrap` already: it is this branch's parent
        opened = directives[-1]
        return lambda text: wrap(f"{opened}\n{text}")
    return lambda text: wrap(f"{directives[0]}\n{text}\n#endif")


def _directive(node: Node) -> str:
    """The line that opens a branch: up to the first line break that is not spliced."""
    text = (node.text or b"").decode("utf-8", "replace")
    match = re.match(r"(?:[^\n\\]|\\.|\\\n)*", text, re.DOTALL)
    return match[0].rstrip() if match else ""


def _linked(wrap: Callable[[str], str]) -> Callable[[str], str]:
    return lambda text: wrap(f'extern "C" {text}')


def _is_free(node: Node) -> bool:
    """Whether a definition is of a free function with a return type and a body."""
    function = _declarator(node)
    name = function.child_by_field_name("declarator") if function else None
    return (
        node.child_by_field_name("type") is not None
        and node.child_by_field_name("body") is not None
        and name is not None
        and name.type == "identifier"
        and not (_whole(node).type == _TEMPLATE and _has_defaults(function))
    )


def _declarator(node: Node) -> Node | None:
    """The function_declarator of a definition: the innermost, where it returns a function pointer."""
    function, found = None, node.child_by_field_name("declarator")
    while found is not None:
        function = found if found.type == "function_declarator" else function
        deeper = found.child_by_field_name("declarator")
        found = deeper or next((c for c in found.children if c.type.endswith("_declarator")), None)
    return function


def _has_defaults(function: Node | None) -> bool:
    """Whether a function has default arguments."""
    parameters = function.child_by_field_name("parameters") if function else None
    return parameters is not None and any(child.type == _DEFAULT for child in parameters.children)


def _whole(node: Node) -> Node:
    """A definition with the `template <...>` before it."""
    while node.parent is not None and node.parent.type == _TEMPLATE:
        node = node.parent
    return node


def _declarations(root: Node) -> Iterator[Node]:
    """Also those of a pointer to a function with a value, which the parser takes for expressions."""
    for child in root.children:
        if child.type in ("declaration", "expression_statement", _TEMPLATE):
            yield child
        elif child.type in (*_CONDITIONALS, "linkage_specification", "declaration_list"):
            yield from _declarations(child)


def _uses(root: Node) -> dict[bytes, int]:
    """The first declaration that names an identifier which it does not declare."""
    uses: dict[bytes, int] = {}
    for node in _declarations(root):
        own = {_declared(declarator) for declarator in node.children_by_field_name("declarator")}
        for name in set(_IDENTIFIER.findall(node.text or b"")) - own:
            uses.setdefault(name, _outermost(node).start_byte)
    return uses


def _types(root: Node) -> Iterator[tuple[bytes, int]]:
    """The types and namespaces of the sketch: name, and where the top-level declaration ends."""
    for child in root.children:
        for node in (child, *child.children):
            if node.type in _TYPES and node.child_by_field_name("body") is not None:
                yield _name(node, "name"), _end(child)
        if child.type == "type_definition":
            for declarator in child.children_by_field_name("declarator"):
                yield _declared(declarator), _end(child)
        elif child.type in ("alias_declaration", "namespace_definition"):
            yield _name(child, "name"), _end(child)
        elif child.type in _CONDITIONALS:
            yield from ((name, _end(child)) for name, _ in _types(child))


def _name(node: Node, field: str) -> bytes:
    found = node.child_by_field_name(field)
    return (found.text or b"") if found is not None else b""


def _declared(declarator: Node) -> bytes:
    """The name that a declarator gives, below pointers, arrays and functions."""
    node: Node | None = declarator
    while node is not None and node.type not in ("type_identifier", "identifier"):
        inner = node.child_by_field_name("declarator")
        node = inner or next((child for child in node.named_children), None)
    return (node.text or b"") if node is not None else b""


def _end(node: Node) -> int:
    """Behind a declaration, with its semicolon."""
    after = node.next_sibling
    return after.end_byte if after is not None and after.type == ";" else node.end_byte


def _outermost(node: Node) -> Node:
    """The child of the root that a node lies in."""
    while node.parent is not None and node.parent.parent is not None:
        node = node.parent
    return node


# --- text ----------------------------------------------------------------------------------


def _signature(sketch: bytes, node: Node) -> str:
    """The text of a definition up to its body, without default arguments and comments, on a line."""
    body, whole = node.child_by_field_name("body"), _whole(node)
    assert body is not None
    cuts = [(cut.start_byte, cut.end_byte) for cut in _cuts(whole, body.start_byte)]
    pieces, at = [], whole.start_byte
    for start, end in cuts:
        pieces.append(sketch[at:start])
        at = end
    pieces.append(sketch[at : body.start_byte])
    return _SPACE.sub(" ", b" ".join(pieces).decode("utf-8", "replace")).strip()


@dataclass(frozen=True, slots=True)
class _Cut:
    start_byte: int
    end_byte: int


def _cuts(node: Node, end: int) -> Iterator[_Cut]:
    """Comments, and `= value` of default arguments, in order."""
    for child in node.children:
        if child.start_byte >= end:
            return
        if child.type == "comment":
            yield _Cut(child.start_byte, child.end_byte)
        elif child.type == "=" and node.type in (_DEFAULT, _DEFAULT_TYPE):
            yield _Cut(child.start_byte, node.end_byte)
            return
        else:
            yield from _cuts(child, end)


def _plain(declaration: bytes) -> str:
    """A declaration in a form that two equal ones share."""
    return re.sub(
        r"\s*([^\w\s])\s*", r"\1", _SPACE.sub(" ", declaration.decode("utf-8", "replace"))
    )
