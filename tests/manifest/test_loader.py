"""YAML texts as trees: values of YAML 1.2, exact places, and no text that does harm."""

from __future__ import annotations

import math
from typing import Any

import pytest

from echosvc._manifest.loader import MAX_DEPTH, read
from echosvc._manifest.node import Path

ENV = {"NAME": "relay", "PORT": "8080", "EMPTY": ""}


def value(text: str) -> Any:
    document = read(text, ENV)
    assert [fault.message for fault in document.faults] == []
    assert document.root is not None
    return document.root.plain()


def only_fault(text: str | bytes) -> tuple[int, int, str]:
    (fault,) = read(text, ENV).faults
    return fault.line, fault.column, fault.message


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("on", "on"),
        ("no", "no"),
        ("010", 10),
        ("0o10", 8),
        ("0xff", 255),
        ("1_000", "1_000"),
        ("+12", 12),
        ("-1.5e3", -1500.0),
        (".5", 0.5),
        ("1.0", 1.0),
        ("-.inf", -math.inf),
        ("true", True),
        ("False", False),
        ("~", None),
        ("null", None),
        ("2020-01-01", "2020-01-01"),
        ("'12'", "12"),
        ('"a\\tb"', "a\tb"),
        ("!!str 12", "12"),
        ("! 12", "12"),
        ("0x", "0x"),
        ("1e", "1e"),
        (".", "."),
        ("-", [None]),
    ],
)
def test_scalars_are_yaml_1_2_core_schema(text: str, expected: object) -> None:
    assert value(f"a: {text}\n" if text != "-" else "a:\n- \n") == {"a": expected}


def test_every_value_and_key_knows_its_place() -> None:
    root = read("a:\n  - x: 1\n    й: [p, 'q']\nb:\nc: 2\n").root
    assert root is not None
    expected: dict[Path, tuple[int, int]] = {
        (): (1, 1),
        ("a",): (2, 3),
        ("a", 0): (2, 5),
        ("a", 0, "x"): (2, 8),
        ("a", 0, "й", 1): (3, 12),
        ("b",): (4, 1),  # nothing is written: the key's place
        ("c",): (5, 4),
    }
    for path, place in expected.items():
        found = root.find(path)
        assert (found.line, found.column) == place
    assert root.find(("a", 0)).keys == {"x": (2, 5), "й": (3, 5)}


def test_alias_gives_an_equal_value_of_its_own() -> None:
    data = value("a: &x [1, {b: 2}]\nc: *x\n")
    assert data == {"a": [1, {"b": 2}], "c": [1, {"b": 2}]}
    data["a"][1]["b"] = 3
    assert data["c"][1]["b"] == 2


def test_merge_key_fills_in_what_is_not_said() -> None:
    text = "d: &d {x: 1, y: 1}\ne: &e {y: 2, z: 2}\na:\n  <<: [*d, *e]\n  x: 0\n"
    assert value(text)["a"] == {"x": 0, "y": 1, "z": 2}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("${env:NAME}", "relay"),
        ("file://${env:NAME}.py", "file://relay.py"),
        ("${env:PORT}", 8080),
        ("'${env:PORT}'", "8080"),
        ("${env:NOPE:-12}", 12),
        ("${env:EMPTY:-full}", "full"),
        ("'${env:EMPTY}'", ""),
        ("${env:NOPE:-}", None),
        ("${env:NAME}-${env:PORT}", "relay-8080"),
        ("$${env:NAME}", "${env:NAME}"),
        ("${other}", "${other}"),
    ],
)
def test_environment_is_put_into_values(text: str, expected: object) -> None:
    assert value(f"a: {text}") == {"a": expected}


def test_environment_is_put_in_once_and_not_into_keys() -> None:
    document = read("'${env:A}': ${env:A}", {"A": "${env:B}"})
    assert document.root is not None
    assert document.root.plain() == {"${env:A}": "${env:B}"}


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("a: ${env:NOPE}", (1, 4, "the environment variable NOPE is not set")),
        ("a: '${env:'", (1, 4, "'${env:' is never closed")),
        ("a: ${env:1x}", (1, 4, "'${env:1x}' names no variable")),
        ("a: 1\nb: 2\na: 3", (3, 1, "the key 'a' stands here twice, first in line 1")),
        ("a: {b: &b [1, *b]}", (1, 15, "the anchor &b contains itself")),
        ("a: *b", (1, 4, "no anchor &b stands above this alias")),
        ("a: b: c", (1, 5, "not YAML: mapping values are not allowed here")),
        ("a:\t b", (1, 3, "not YAML: found character '\\t' that cannot start any token")),
        ("a: 'b", (1, 6, "not YAML: found unexpected end of stream")),
        (
            "a: |\n \n   \n  b\n",
            (4, 3, "not YAML: more indented follow up line than first in a block scalar"),
        ),
        ('a: "\\U7FFFFFFF"', (1, 1, "not YAML: the rest cannot be read (ValueError)")),
        ("a: b\x00", (1, 5, "not YAML: the character U+0000 may not stand in a text")),
        (b"a: \xff", (1, 4, "not UTF-8: byte 0xff")),
        ("a: b".encode("utf-16"), (1, 1, "this is UTF-16, not UTF-8")),
        ("? [a, b]\n: c", (1, 3, "a list is no key: a key is a string")),
        ("? {a: b}\n: c", (1, 3, "a mapping is no key: a key is a string")),
        ("1: c", (1, 1, "1 is no key: a key is a string")),
        (": c", (1, 1, "nothing is no key: a key is a string")),
        ("a: !x 1", (1, 4, "the tag '!x' means nothing here")),
        ("a: 1\n---\nb: 2", (2, 1, "a second document begins")),
        ("<<: 1", (1, 5, "<< merges mappings, and this is 1")),
        ("a: " + "9" * 5000, (1, 4, "a number of 5000 digits")),
        ('a: "\\uD800"', (1, 4, "half of a surrogate pair is no character")),
        (
            "%YAML 3.0\n---\na",
            (1, 1, ("not YAML: found incompatible YAML document (version 1.* is required)")),
        ),
    ],
)
def test_fault_names_its_place(text: str | bytes, fault: tuple[int, int, str]) -> None:
    assert only_fault(text) == fault


def test_a_reason_that_stands_in_the_context_alone_has_a_hint_too() -> None:
    (fault,) = read("a: |\n \n   \n  b\n").faults
    assert fault.hint == "take the spaces out of the empty lines above"


@pytest.mark.parametrize("text", ["[" * 50_000, "- " * 50_000, "{a: " * 50_000, "? " * 50_000])
def test_deep_nesting_is_a_fault(text: str) -> None:
    assert only_fault(text)[2] == f"nested deeper than {MAX_DEPTH} levels"


def test_aliases_that_would_bring_billions_are_a_fault() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 12)]
    assert only_fault("\n".join(lines))[2] == "the aliases up to *a3 bring too much"


def test_aliases_do_not_nest_deeper_than_the_limit() -> None:
    lines = [f"a0: &a0 {'[' * 40}{']' * 40}", f"a1: {'[' * 40}*a0{']' * 40}"]
    assert only_fault("\n".join(lines))[2] == "the aliases up to *a0 bring too much"


def test_text_over_the_limit_is_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("echosvc._manifest.loader.MAX_BYTES", 10)
    assert only_fault("a: 12345678")[2].startswith("too large")


def test_several_faults_are_found_in_one_reading() -> None:
    document = read("a: 1\na: 2\n1: 2\nb: ${env:NOPE}\nc: *x\n", ENV)
    assert [fault.line for fault in document.faults] == [2, 3, 4, 5]
    assert not document.broken


def test_byte_order_mark_is_no_part_of_the_text() -> None:
    root = read(b"\xef\xbb\xbfa: 1").root
    assert root is not None
    assert root.plain() == {"a": 1}
