"""The plain part of YAML that manifests are mostly written in, read line by line.

Mappings and lists by indentation, words and simple quoted strings, lists of words in brackets,
comments. It is no second YAML: a text with anything else in it, or with anything wrong, is not
read here at all, and goes to the parser that knows the whole of it. What is read here is the same
tree, to the column, as that parser gives, and comes ten times as fast and without importing it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from echosvc._manifest.node import Node
from echosvc._manifest.scalars import scalar, value_of

MAX_OPEN: Final = 32
"""Collections within collections; deeper ones are left to the parser, which has the limit."""

# Line breaks that are none for `split`, and characters that mean something in odd places.
_FOREIGN = re.compile("[\t\r\x85\u2028\u2029\ufeff]")

_WORD = r"-?[\w./~$+](?:[\w./~$+-]|:(?=[\w./~$+-]))*+"
_LINE = re.compile(
    r"(?P<indent> *)"
    r"(?P<dash>- +)?"
    r"(?:(?P<key>[^\W\d][\w.-]{0,99}):(?= |\Z) *)?"
    r"(?P<value>"
    # One word or several, with no ': ' and no ' #' in them.
    r"(?:-(?=[\w.]))?[\w./~$+](?:[^\s:#]|:(?=\S)|(?<=\S)#| +(?=[^\s#]))*+"
    r"|'[^']*+'"
    r'|"[^"\\]*+"'
    rf"|\[(?: *{_WORD} *(?:, *{_WORD} *)*)?\]"
    r")?"
    r"(?: +#.*)? *\Z"
)
_ITEM = re.compile(_WORD)


class _Open(NamedTuple):
    """A collection that goes on: where its keys or dashes stand, and the node."""

    column: int
    node: Node
    is_list: bool


def read_plain(text: str, env: Mapping[str, str]) -> Node | None:
    """Return the tree of a text, or None when it is not wholly in the plain part of YAML.

    References to the environment are replaced from `env`, as in the rest of YAML.
    """
    if _FOREIGN.search(text):
        return None
    try:
        return _Lines(env).read(text.split("\n"))
    except _NotPlain:
        return None


class _NotPlain(Exception):
    """Something in the text is for the parser."""


class _Lines:
    """Builds the tree line by line."""

    def __init__(self, env: Mapping[str, str]) -> None:
        self.env = env
        self.open: list[_Open] = []
        # A key with nothing after it in the line before: what holds it, the key, its column.
        self.pending: tuple[Node, str, int] | None = None

    def read(self, lines: list[str]) -> Node:
        root: Node | None = None
        for number, line in enumerate(lines, 1):
            stripped = line.lstrip(" ")
            if not stripped or stripped[0] == "#":
                continue
            match = _LINE.match(line)
            if match is None:
                raise _NotPlain
            indent, dash, key, value = match.groups()
            column = len(indent)
            if root is None:
                if column:
                    raise _NotPlain
                root = self._push(number, column, is_list=dash is not None)
            else:
                self._find(number, column, is_list=dash is not None)
            into = self.open[-1].node
            if dash is not None:
                column += len(dash)
                if key is None:
                    into.value.append(self._value(value, number, match.start("value")))
                    continue
                node = self._push(number, column, is_list=False, attach=False)
                into.value.append(node)
                into = node
            if key is None:
                raise _NotPlain
            self._put(into, key, number, column, value, match.start("value"))
        if root is None:
            raise _NotPlain
        return root

    def _put(
        self, into: Node, key: str, line: int, column: int, value: str | None, start: int
    ) -> None:
        if key in into.keys or scalar(key) != key:
            raise _NotPlain  # twice, or no string
        into.keys[key] = (line, column + 1)
        if value is None:
            into.value[key] = Node(None, line, column + 1)  # unless lines below say more
            self.pending = (into, key, column)
        else:
            into.value[key] = self._value(value, line, start)

    def _find(self, line: int, column: int, *, is_list: bool) -> None:
        """Make the collection that a line belongs to the last open one."""
        if self.pending is not None:
            above = self.pending[2]
            if column > above or (is_list and column == above):
                self._push(line, column, is_list=is_list)
                return
            self.pending = None
        while self.open:
            last = self.open[-1]
            if last.column == column and last.is_list == is_list:
                return
            if last.column < column or (last.column == column and not last.is_list):
                break
            self.open.pop()
        raise _NotPlain

    def _push(self, line: int, column: int, *, is_list: bool, attach: bool = True) -> Node:
        """Open a collection, as the value of the pending key if there is one."""
        if len(self.open) >= MAX_OPEN:
            raise _NotPlain
        value: list[Node] | dict[str, Node] = [] if is_list else {}
        node = Node(value, line, column + 1)
        if attach and self.pending is not None:
            holder, key, _ = self.pending
            holder.value[key] = node
            self.pending = None
        self.open.append(_Open(column, node, is_list))
        return node

    def _value(self, text: str | None, line: int, start: int) -> Node:
        if text is None:
            raise _NotPlain  # a dash with nothing after it
        first = text[0]
        if first in "'\"":
            return Node(self._scalar(text[1:-1], False), line, start + 1)
        if first == "[":
            items = [
                Node(self._scalar(item.group(), True), line, start + item.start() + 1)
                for item in _ITEM.finditer(text)
            ]
            return Node(items, line, start + 1)
        return Node(self._scalar(text, True), line, start + 1)

    def _scalar(self, text: str, plain: bool) -> Any:
        return value_of(text, plain, self.env, _leave)


def _leave(message: str, hint: str) -> None:
    """Leave a fault to the parser, which says it with its place and all the others."""
    raise _NotPlain
