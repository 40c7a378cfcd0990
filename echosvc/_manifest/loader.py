"""One YAML text as a tree of nodes that know their line and column.

The only place that knows ruamel, which is imported when the first text is read. It takes the
parser's events and builds the tree itself: a composer or constructor follows anchors into
themselves, obeys tags that a manifest has no use for and loses positions, and the events alone
cost two thirds of composing.

The YAML is 1.2 with its core schema (`on` and `no` are strings, `010` is ten); keys are strings
and stand once; `<<` merges. Whatever is in the text, the outcome is a tree, faults, or both;
never an exception.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from echosvc._manifest.env import MARK
from echosvc._manifest.files import MAX_BYTES
from echosvc._manifest.near import shown
from echosvc._manifest.node import Document, Fault, Node
from echosvc._manifest.scalars import value_of

MAX_DEPTH: Final = 64
"""Collections within collections, those that aliases bring included."""
MAX_ALIASED: Final = 100_000
"""Nodes of one text that aliases may bring: ten lines can name billions otherwise."""

# The characters that YAML forbids; to name those that it allows takes ten times as long to compile.
_UNPRINTABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\ud800-\udfff\ufffe\uffff]")
_STANDARD = "tag:yaml.org,2002:"
_HINTS: Final = (
    ("mapping values are not allowed", "put a value that contains ': ' in quotes"),
    ("'\\t'", "indent with spaces"),
    ("cannot start any token", "put the value in quotes"),
    ("expected ':'", "write key: value"),
    ("quoted scalar", "close the quote"),
    ("more indented follow up line", "take the spaces out of the empty lines above"),
    ("block mapping", "look at the indentation and for an unclosed quote"),
    ("block collection", "look at the indentation and for an unclosed quote"),
    ("flow", "close every [ and {"),
)


def read(data: bytes | str, env: Mapping[str, str] | None = None) -> Document:
    """Read one YAML text, with ``${env:NAME}`` replaced from `env`, by default `os.environ`.

    Never raises for anything that is in the text.
    """
    faults: list[Fault] = []
    text = _checked(data, faults)
    if text is None:
        return Document(None, faults, broken=True)
    builder = _Builder(os.environ if env is None else env, faults)
    try:
        for event in _events(text):
            builder.take(event)
    except _Abandoned:
        return Document(None, faults, broken=True)
    except Exception as exc:  # noqa: BLE001  # the parser's slips (OverflowError, …) are faults too
        faults.append(_syntax_fault(exc, builder.at, text))
        return Document(None, faults, broken=True)
    return Document(builder.root, faults)


def _checked(data: bytes | str, faults: list[Fault]) -> str | None:
    """Return the text, or None with a fault when it is too large, not UTF-8, or not text."""
    if len(data) > MAX_BYTES:
        size, limit = len(data) / 1024 / 1024, MAX_BYTES // 1024 // 1024
        faults.append(Fault(f"too large: {size:.1f} MiB", hint=f"the limit is {limit} MiB"))
        return None
    if isinstance(data, bytes):
        if data.startswith((b"\xff\xfe", b"\xfe\xff")):
            faults.append(Fault("this is UTF-16, not UTF-8", 1, 1, "save it as UTF-8"))
            return None
        try:
            text = data.decode("utf-8-sig")
        except UnicodeDecodeError as exc:
            before = data[: exc.start].decode("utf-8-sig", "replace")
            message = f"not UTF-8: byte 0x{data[exc.start]:02x}"
            faults.append(Fault(message, *_place(before, len(before)), "save it as UTF-8"))
            return None
    else:
        text = data
    if bad := _UNPRINTABLE.search(text):
        message = f"not YAML: the character U+{ord(bad.group()):04X} may not stand in a text"
        faults.append(Fault(message, *_place(text, bad.start()), "delete it"))
        return None
    return text


def _place(text: str, index: int) -> tuple[int, int]:
    return text.count("\n", 0, index) + 1, index - text.rfind("\n", 0, index)


def _events(text: str) -> Iterator[Any]:
    from ruamel.yaml import YAML

    # The safe and pure parser keeps no comments, and is the same one on every machine, whether
    # or not somebody has installed the C library.
    yield from YAML(typ="safe", pure=True).parse(text)


def _syntax_fault(exc: Exception, at: tuple[int, int], text: str) -> Fault:
    """Return the parser's error as a fault; `at` is where the last thing stood that it read."""
    mark = getattr(exc, "problem_mark", None) or getattr(exc, "context_mark", None)
    line, column = (mark.line + 1, mark.column + 1) if mark is not None else at
    said = [str(getattr(exc, name, None) or "") for name in ("problem", "context")]
    # Of the two the problem is the closer one; some errors have their reason in the other.
    problem = next((" ".join(text.split()) for text in said if text.strip()), "")
    problem = problem or f"the rest cannot be read ({type(exc).__name__})"
    both = " ".join(said)
    hint = next((hint for part, hint in _HINTS if part in both), "")
    if MARK in "".join(text.split("\n")[line - 1 : line]):
        hint = f"within [] and {{}}, put {MARK}…}} in quotes"
    return Fault(f"not YAML: {problem}", line, column, hint)


class _Abandoned(Exception):
    """A jump out of the loop over events: the text goes on, but reading it does not."""


class _BadKey:
    """Stands for a key that cannot be one, so that its value is read and left out."""


class _Frame:
    """A collection whose end has not come yet. In a mapping, `key` is None until a key came."""

    __slots__ = ("anchor", "height", "key", "merges", "node", "place", "size")

    def __init__(self, node: Node, anchor: str | None) -> None:
        self.node = node
        self.anchor = anchor
        self.key: str | type[_BadKey] | None = None
        self.place = (0, 0)  # of the key
        self.merges: list[Node] = []
        self.height = 1
        self.size = 1


class _Builder:
    """Takes the parser's events one after another and builds the tree, without recursion."""

    def __init__(self, env: Mapping[str, str], faults: list[Fault]) -> None:
        self.root: Node | None = None
        self.at = (1, 1)
        self._env = env
        self._faults = faults
        self._stack: list[_Frame] = []
        # What an anchor names, with its height and size; None while its end has not come.
        self._anchors: dict[str, tuple[Node, int, int] | None] = {}
        self._aliased = 0
        self._documents = 0

    def take(self, event: Any) -> None:
        """Take the next event; raises `_Abandoned` when the rest is not worth reading."""
        # By name, because ruamel's classes are not imported with this module.
        name = type(event).__name__
        if name == "ScalarEvent":
            self._take_scalar(event)
        elif name == "MappingStartEvent":
            self._open(event, {})
        elif name == "SequenceStartEvent":
            self._open(event, [])
        elif name in ("MappingEndEvent", "SequenceEndEvent"):
            self._close()
        elif name == "AliasEvent":
            self._take_alias(event)
        elif name == "DocumentStartEvent":
            self._documents += 1
            if self._documents > 1:
                self._fault(*_start(event), "a second document begins", "write one, without ---")
                raise _Abandoned

    def _fault(self, line: int, column: int, message: str, hint: str = "") -> None:
        self._faults.append(Fault(message, line, column, hint))

    def _take_scalar(self, event: Any) -> None:
        text: str = event.value
        frame = self._stack[-1] if self._stack else None
        is_key = frame is not None and frame.key is None and isinstance(frame.node.value, dict)
        line, column = self.at = _start(event)
        plain = event.style is None
        if event.tag is not None:
            plain = plain and event.tag not in ("!", _STANDARD + "str")
            self._check_tag(event)
        if plain and not text and frame is not None and frame.key is not None:
            # Nothing is written: the parser's mark is at the next thing, maybe lines below.
            line, column = frame.place
        env = None if is_key else self._env
        value = value_of(text, plain, env, lambda *what: self._fault(line, column, *what))
        node = Node(value, line, column)
        if env is not None and MARK in text:
            node.written = text
        if event.anchor is not None:
            self._anchors[event.anchor] = (node, 0, 1)
        self._put(node, 0, 1, merge=plain and text == "<<")

    def _check_tag(self, event: Any) -> None:
        if event.tag != "!" and not event.tag.startswith(_STANDARD):
            message = f"the tag {shown(event.tag)} means nothing here"
            self._fault(*_start(event), message, "leave it out")

    def _open(self, event: Any, value: dict[str, Node] | list[Node]) -> None:
        if len(self._stack) >= MAX_DEPTH:
            self._fault(*_start(event), f"nested deeper than {MAX_DEPTH} levels")
            raise _Abandoned
        if event.tag is not None:
            self._check_tag(event)
        if event.anchor is not None:
            self._anchors[event.anchor] = None
        self._stack.append(_Frame(Node(value, *_start(event)), event.anchor))

    def _close(self) -> None:
        frame = self._stack.pop()
        node = frame.node
        for merged in frame.merges:
            for key, value in merged.value.items():
                if key not in node.value:
                    node.value[key] = value
                    node.keys[key] = merged.keys[key]
        if frame.anchor is not None:
            self._anchors[frame.anchor] = (node, frame.height, frame.size)
        self._put(node, frame.height, frame.size)

    def _take_alias(self, event: Any) -> None:
        line, column = _start(event)
        node, height, size = Node(None, line, column), 0, 1
        if event.anchor not in self._anchors:
            self._fault(line, column, f"no anchor &{event.anchor} stands above this alias")
        elif (found := self._anchors[event.anchor]) is None:
            self._fault(line, column, f"the anchor &{event.anchor} contains itself")
        else:
            node, height, size = found
            self._aliased += size
            if self._aliased > MAX_ALIASED or len(self._stack) + height > MAX_DEPTH:
                self._fault(line, column, f"the aliases up to *{event.anchor} bring too much")
                raise _Abandoned
        self._put(node, height, size)

    def _put(self, node: Node, height: int, size: int, merge: bool = False) -> None:
        """Put a finished node where the parser stands: a list's item, a key, or a key's value."""
        if not self._stack:
            self.root = node
            return
        frame = self._stack[-1]
        frame.height = max(frame.height, height + 1)
        frame.size += size
        into = frame.node.value
        if isinstance(into, list):
            into.append(node)
        elif frame.key is None:
            frame.place = (node.line, node.column)
            frame.key = self._key(frame, node, merge)
        else:
            if frame.key == "<<":
                self._merge(frame, node)
            elif isinstance(frame.key, str):
                into[frame.key] = node
            frame.key = None

    def _key(self, frame: _Frame, node: Node, merge: bool) -> str | type[_BadKey]:
        """Return the key, remembering its place, or `_BadKey` after saying what is wrong."""
        key = node.value
        if merge:
            return "<<"
        if not isinstance(key, str) or key == "<<":
            what = "nothing" if key is None else shown(key)
            if isinstance(key, dict | list):
                what = "a mapping" if isinstance(key, dict) else "a list"
            hint = "" if isinstance(key, dict | list) else "put it in quotes"
            self._fault(node.line, node.column, f"{what} is no key: a key is a string", hint)
            return _BadKey
        if first := frame.node.keys.get(key):
            message = f"the key {shown(key)} stands here twice, first in line {first[0]}"
            self._fault(node.line, node.column, message, "delete one")
            return _BadKey
        frame.node.keys[key] = frame.place
        return key

    def _merge(self, frame: _Frame, node: Node) -> None:
        sources = node.value if isinstance(node.value, list) else [node]
        for source in sources:
            if isinstance(source.value, dict):
                frame.merges.append(source)
            else:
                message = f"<< merges mappings, and this is {shown(source.plain())}"
                self._fault(source.line, source.column, message)


def _start(event: Any) -> tuple[int, int]:
    mark = event.start_mark
    return mark.line + 1, mark.column + 1
