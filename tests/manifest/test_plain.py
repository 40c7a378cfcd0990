"""The plain part of YAML is read line by line to the very tree that the parser gives, or not."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from echosvc._manifest import loader
from echosvc._manifest.node import Fault, Node
from echosvc._manifest.plain import read_plain

ENV = {"NAME": "relay", "PORT": "80", "TWO": "a: b"}
MANIFEST = """\
# The echo service.
version: "1.0"
namespace: app

entries:
  - name: terminal        # the screen
    kind: terminal.host
    lifecycle:
      auto_start: true
  - name: cli
    kind: process.py
    source: file://cli.py
    modules:
    - io
    - time
    meta:
      note: 'one: two'
      nothing:
      words: several words, and - [signs] {here} a#b
      list: [app:relay, 5, -1.5, on]
      empty: []
      text: "#"
      env: [1]
      name: file://${env:NAME}.py
      port: ${env:PORT}
      quoted: '${env:PORT}'
      none: ${env:NOPE:-} # here
      two: ${env:TWO}
"""


def tree(node: Node) -> Any:
    """Return all that a node and those below it know."""
    value = node.value
    if isinstance(value, dict):
        value = [(key, node.keys[key], tree(item)) for key, item in value.items()]
    elif isinstance(value, list):
        value = [tree(item) for item in value]
    return node.line, node.column, type(node.value).__name__, repr(value), node.origin


def parsed(text: str) -> Node | None:
    faults: list[Fault] = []
    root = loader.parse(text, ENV, faults).root
    return None if faults else root


def same(text: str) -> bool:
    """Whether a text was read line by line; the parser must then agree in everything."""
    root = read_plain(text, ENV)
    if root is None:
        return False
    other = parsed(text)
    assert other is not None
    assert tree(root) == tree(other)
    return True


def test_manifest_is_read_without_the_parser() -> None:
    assert same(MANIFEST)


@pytest.mark.parametrize(
    "text",
    [
        "a: |\n  b\n", "a: >\n  b\n", "a: &x 1\n", "a: *x\n", "a: !x 1\n", "a: {b: 1}\n",
        "a: b\n  c\n", "a: 'b\n  c'\n", 'a: "\\n"\n', "a: 'it''s'\n", "a: [b,\n  c]\n", "a:\tb\n",
        "a: 1\na: 2\n", "a: 1\n b: 2\n", "  a: 1\nb: 2\n", "- a\nb: 1\n", "a: 1\n- b\n", "-\n  a\n",
        "- - a\n", "? a\n: b\n", "<<: 1\n", "1: a\n", "true: a\n", "null: a\n", "a b: c\n",
        "a: b: c\n", "a: b:\n", "a: @b\n", "a: `b\n", "a: %b\n", "a: 'b' c\n", "---\na: 1\n",
        "...\n", "a: ${env:NOPE}\n", "a: ${env:\n", "a: '${env:9}'\n",
        "%YAML 1.2\n", "word\n", "", "# only this\n", "a: 1\r\n", "a: \xa0b\n", "a: b\x85c: d\n",
        "a: " + "9" * 5000, "a" * 101 + ": 1\n", "a: [b, ]\n", "a: [b c]\n", "a: [b]c\n", "a: -\n",
        "".join(f"{'  ' * depth}a:\n" for depth in range(40)),
    ],
)  # fmt: skip
def test_anything_else_is_left_to_the_parser(text: str) -> None:
    assert read_plain(text, ENV) is None


WORDS = st.sampled_from(
    ["a", "name", "b-c", "x.y", "5", "-5", "-a", "0x1f", "1.0", ".5", "~", "null", "true", "on",
     "app:relay", "file://x.py", "two words", "a #b", "a#b", "a:b", "a: b", "a:", "it's", "é",
     "'q'", "'a: b'", "''", '"q"', '"#"', '"\\n"', "[]", "[a, b]", "[ a ,b:c ]", "[a: b]", "[a:]",
     "[-1, -a, a-]", "[a b]",
     "{}", "|", ">", "-", "--", "---", "?", "&a", "*a", "!a", "%a", "@a",
     "$a", "+1", "/x", "(a)", "<<", "=", "a,b", "a]", "a}", "a  b", "a ", "#", " ", "a\\b", "a\"b",
     "[a#b]", "[$a]", "[/a/b]", "[~]", "[a:b:c]", "[a::b]", "[:a]", "[.]", "1:2", "::", "a::b",
     "..", "...", "~a", "+.inf", "2020-01-01", "[+]", "[+a, ...]", "$", "a - b", "a -b", "a ? b",
     "${env:PORT}", "x${env:PORT}", "'${env:PORT}'", "${env:NOPE:-7}", "$${env:X}", "${env:X}",
     "${env:PORT}${env:PORT}", "[${env:PORT}]"]
)  # fmt: skip
KEYS = st.sampled_from(
    ["a", "b", "name", "x.y", "b-c", "é", "_", "true", "n", "5", "a b", "'a'", ""]
)
LINES = st.builds(
    lambda indent, dash, key, word, end: " " * indent + dash + key + word + end,
    st.integers(0, 6),
    st.sampled_from(["", "", "- ", "-   ", "-", "- - "]),
    st.one_of(st.just(""), KEYS.map("{}: ".format), KEYS.map("{}:".format)),
    st.one_of(st.just(""), WORDS),
    st.sampled_from(["", "", "", " ", " # c", "  #", "#", "\t"]),
)


@settings(deadline=None)
@given(st.lists(LINES, max_size=6).map("\n".join))
def test_lines_are_read_as_the_parser_reads_them(text: str) -> None:
    same(text)


@settings(deadline=None)
@given(st.text("ab5-:# \n'\"[],.~$/", max_size=30))
def test_any_text_is_read_as_the_parser_reads_it(text: str) -> None:
    same(text)


@settings(deadline=None)
@given(st.data())
def test_mangled_manifest_is_read_as_the_parser_reads_it(data: st.DataObject) -> None:
    lines = MANIFEST.split("\n")
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(lines) - 1))
        how = data.draw(st.sampled_from(["indent", "outdent", "delete", "swap", "word"]))
        if how == "indent":
            lines[at] = " " * data.draw(st.integers(1, 4)) + lines[at]
        elif how == "outdent":
            lines[at] = lines[at][data.draw(st.integers(1, 4)) :]
        elif how == "delete":
            lines[at] = ""
        elif how == "swap":
            lines[at - 1], lines[at] = lines[at], lines[at - 1]
        else:
            lines[at] += data.draw(WORDS)
    same("\n".join(lines))


def test_plain_manifest_imports_no_parser_and_no_scheduler() -> None:
    program = f"""
        import sys
        from echosvc._manifest import manifest
        from echosvc._manifest.loader import read
        assert read({MANIFEST!r}, {ENV!r}).root is not None
        print([name for name in ("ruamel", "trio", "msgspec") if name in sys.modules])
    """
    run = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)], capture_output=True, text=True, check=True
    )
    assert run.stdout == "[]\n"
