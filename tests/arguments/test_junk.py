"""Whatever is given to whatever is public: an error of ours or nothing, and the runtime goes on."""

from __future__ import annotations

import functools
import math
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Final

import pytest
import trio
import trio.testing
from hypothesis import given, settings
from hypothesis import strategies as st

from echosvc import process
from echosvc.errors import Error
from tests.arguments import public
from tests.arguments.calls import CALLS, perform
from tests.arguments.docstrings import is_told_of
from tests.arguments.table import TAKES_ANYTHING
from tests.arguments.world import World, in_world, nothing
from tests.arguments.wrong import HOSTILE, synchronous


class Junk(Exception):
    """An error of somebody's own."""


WITHOUT_A_TEXT: Final = (HOSTILE, 10**5000)
"""What cannot be printed is no use where anything may be given."""

_LOOP: Final[list[Any]] = []
_LOOP.append(_LOOP)

JUNK: Final[tuple[Any, ...]] = (
    None,
    True,
    False,
    0,
    -1,
    3,
    2**63,
    WITHOUT_A_TEXT[1],
    1.5,
    -0.5,
    math.nan,
    math.inf,
    -math.inf,
    1j,
    "",
    "x",
    "@x",
    "{x}",
    "{app:processes|0x00001}",
    "app:memory",
    "app:processes",
    "app:waiter",
    "1s",
    "-1s",
    "*",
    "[",
    "a\nb",
    "a\0b",
    "\ud800",
    "x" * 5000,
    b"x",
    [],
    [5],
    ["x"],
    _LOOP,
    (),
    (5, None),
    {},
    {5: 5},
    {"id": "app:x", "kind": 5},
    {"x": _LOOP},
    {1, 2},
    range(3),
    object(),
    object,
    HOSTILE,
    Junk(),
    Junk,
    KeyboardInterrupt(),
    nothing,
    synchronous,
    len,
    functools.partial(nothing, 1),
)

OUTCOMES: Final = (
    Error,
    trio.WouldBlock,  # a channel's own
    trio.ClosedResourceError,
    trio.EndOfChannel,
    Junk,  # what something was told to fail with
)
"""What a call may raise that was not asked in the right way, and for the right thing."""

OWN_OUTCOMES: Final[dict[str, type[Exception]]] = {
    "testing.Probe.expect": AssertionError,  # what is waited for does not come
    "testing.Probe.expect_event": AssertionError,
    "testing.Probe.expect_exit": AssertionError,
    "testing.Probe.expect_nothing": AssertionError,
    "testing.Probe.run_sync": TypeError,  # the function takes other arguments
}

LONGEST: Final = 1000.0
"""Virtual seconds; who is asked to wait for ever may do so."""


def arguments_of(name: str) -> list[str]:
    """The arguments of something public."""
    return public.parameters(public.callables()[name])


@st.composite
def calls(draw: st.DrawFn) -> tuple[str, dict[str, Any]]:
    """Give something public, and what some of its arguments are to be."""
    name = draw(st.sampled_from(sorted(CALLS)))
    some = st.sampled_from(arguments_of(name))
    return name, draw(st.dictionaries(some, st.sampled_from(JUNK), min_size=1))


async def try_out(world: World, name: str, junk: dict[str, Any]) -> BaseException | None:
    """Call something public with junk for some arguments; give what it raises of what it may."""
    process.set_options(trap_links=True)  # what is linked with may well end
    try:
        fn, arguments = CALLS[name](world)
    except Error:
        return None  # what it needs has been ended by a call before
    for argument, value in junk.items():
        anything = f"{name}.{argument}" in TAKES_ANYTHING
        if not (anything and any(value is each for each in WITHOUT_A_TEXT)):
            arguments[argument] = value
    with trio.move_on_after(LONGEST):
        try:
            await perform(fn, arguments)
        except (*OUTCOMES, OWN_OUTCOMES.get(name, Error)) as error:
            return error
    return None


@settings(max_examples=25)
@given(program=st.lists(calls(), min_size=1, max_size=20))
def test_junk_is_refused_or_works_and_the_runtime_can_be_left(
    folder: Path, program: list[tuple[str, dict[str, Any]]]
) -> None:
    async def body(world: World) -> None:
        for name, junk in program:
            await try_out(world, name, junk)

    _run(folder, body)


@pytest.mark.slow
@pytest.mark.parametrize("name", CALLS)
def test_each_single_piece_of_junk_is_refused_as_the_docstring_says(
    folder: Path, name: str
) -> None:
    raised: set[type[BaseException]] = set()

    async def body(world: World) -> None:
        for argument in arguments_of(name):
            for value in JUNK:
                error = await try_out(world, name, {argument: value})
                if error is not None:
                    raised.add(type(error))

    _run(folder, body)
    assert [each for each in raised if not is_told_of(each, name)] == []


def _run(folder: Path, body: Callable[[World], Awaitable[None]]) -> None:
    trio.run(in_world, folder, body, clock=trio.testing.MockClock(autojump_threshold=0))
