"""What is said of an exception, whatever it is."""

from __future__ import annotations

import time
import traceback
from collections.abc import Callable
from typing import Any

import pytest
import trio
from hypothesis import given

from echosvc import errors
from echosvc._exceptions import (
    begin_in_own_code,
    can_be_shown,
    leaves,
    repr_of,
    text_of,
    type_of,
    words_of,
)
from tests.hostile import KEPT, Recipe, recipes, recipes_through


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (ValueError("words"), "ValueError: words"),
        (ValueError(), "ValueError"),
        (KeyError("k"), "KeyError: 'k'"),
        (errors.Terminated(reason="enough"), "Terminated: terminated: enough"),
        (ExceptionGroup("g", [ValueError("a"), KeyError("b")]), "g: ValueError: a; KeyError: 'b'"),
        (
            ExceptionGroup("out", [ExceptionGroup("in", [ValueError("a")]), OSError("b")]),
            "out: ValueError: a; OSError: b",
        ),
    ],
)
def test_an_error_is_said_by_its_type_and_its_words(error: BaseException, text: str) -> None:
    assert text_of(error) == text


def test_of_a_group_of_many_the_first_ten_are_named_and_the_others_counted() -> None:
    group = ExceptionGroup("g", [ValueError(f"{number}") for number in range(50)])
    text = text_of(group)
    assert text.startswith("g: ValueError: 0; ")
    assert text.endswith("; ValueError: 9; and 40 more")


def test_an_error_without_a_text_says_so() -> None:
    error = Recipe("Exception", ("str raises", "repr raises")).make()
    assert text_of(error) == "Hostile: <no text: its __str__ raised RuntimeError>"
    assert repr_of(error) == "<Hostile: its __repr__ raised RuntimeError>"


def test_the_errors_of_a_group_are_given_in_their_order_each_once() -> None:
    first, second, third = ValueError("1"), KeyError("2"), OSError("3")
    inner = ExceptionGroup("in", [first, second])
    assert leaves(ExceptionGroup("out", [inner, third, inner, first])) == [first, second, third]
    assert leaves(first) == [first]


@given(recipe=recipes().filter(lambda recipe: recipe.base != KEPT) | recipes_through())
def test_whatever_it_is_it_has_a_text_at_once(recipe: Recipe) -> None:
    error = recipe.make()
    began = time.monotonic()
    for text in (text_of(error), words_of_leaves(error), repr_of(error), type_of(error)):
        assert type(text) is str
    assert time.monotonic() - began < 10


def words_of_leaves(error: BaseException) -> str:
    return "".join(words_of(leaf) for leaf in leaves(error))


@pytest.mark.parametrize("around", ["deep group", "shared group"])
def test_what_has_more_parts_than_anybody_reads_is_not_shown_in_full(around: str) -> None:
    assert not can_be_shown(Recipe("ValueError", (), (around,)).make())
    assert can_be_shown(Recipe("ValueError", (), ("group", "group")).make())


def test_a_cycle_of_contexts_can_be_shown() -> None:
    assert can_be_shown(Recipe("ValueError", (), (), "cycle").make())


def failing() -> None:
    raise ValueError("own")


def framework() -> Callable[[], ValueError]:
    """Give a function of echosvc that calls `failing` and catches the error."""
    namespace: dict[str, Any] = {"__name__": "echosvc._made", "failing": failing}
    code = "def call():\n  try: failing()\n  except ValueError as exc: return exc"
    exec(code, namespace)
    call: Callable[[], ValueError] = namespace["call"]
    return call


def names(error: BaseException) -> list[str]:
    return [frame.name for frame in traceback.extract_tb(error.__traceback__)]


def test_a_traceback_begins_in_own_code() -> None:
    error = framework()()
    assert names(error) == ["call", "failing"]
    begin_in_own_code(error)
    assert names(error) == ["failing"]


def test_a_traceback_of_nothing_but_the_frameworks_frames_stays_whole() -> None:
    with pytest.raises(RuntimeError) as caught:
        trio.lowlevel.current_task()
    error = caught.value.with_traceback(caught.tb.tb_next)
    begin_in_own_code(error)
    assert names(error) == ["current_task"]


@pytest.mark.parametrize("module", ["echosvc_application.main", "trio_util", None])
def test_only_the_packages_themselves_are_the_framework(module: str | None) -> None:
    namespace: dict[str, Any] = {"__name__": module}
    exec("def fail(): raise ValueError", namespace)
    with pytest.raises(ValueError, match=r"^$") as caught:
        namespace["fail"]()
    error = caught.value.with_traceback(caught.tb.tb_next)
    begin_in_own_code(error)
    assert names(error) == ["fail"]
