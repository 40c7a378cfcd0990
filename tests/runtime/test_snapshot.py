"""What crosses from one process to another: copied once, or shared on purpose."""

from __future__ import annotations

import collections
import dataclasses
import datetime as dt
import decimal
import enum
import uuid
from typing import Any, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from echosvc import Pid, Runtime, process
from echosvc._runtime.snapshot import snapshot
from echosvc.errors import Invalid
from tests.runtime.helpers import as_process


class Colour(enum.Enum):
    RED = 1


@dataclasses.dataclass(frozen=True)
class Point:
    x: int


class Pair(NamedTuple):
    a: Any
    b: Any


class Refuses(list[int]):
    def __copy__(self) -> Refuses:
        raise TypeError("no copies")


AS_THEY_ARE = [
    None,
    True,
    7,
    1.5,
    2j,
    "text",
    b"bytes",
    Pid("{a|0x1}"),
    Colour.RED,
    Point(1),
    dt.timedelta(1),
    decimal.Decimal("1.5"),
    uuid.UUID(int=1),
    range(3),
    frozenset({1}),
    object(),
    len,
]


@pytest.mark.parametrize("value", AS_THEY_ARE, ids=repr)
def test_what_cannot_change_and_other_objects_pass_as_they_are(value: Any) -> None:
    assert snapshot(value) is value
    assert snapshot([value])[0] is value


@pytest.mark.parametrize(
    "value",
    [
        [1, [2, {"a": {3}}]],
        {"a": [1], "b": {"c": (1, [2])}},
        {1, 2},
        bytearray(b"x"),
        (1, [2]),
        Pair(1, [2]),
        collections.deque([1, [2]], maxlen=3),
        collections.OrderedDict(a=[1]),
        collections.defaultdict(list, a=[1]),
        collections.Counter("aab"),
    ],
    ids=repr,
)
def test_containers_are_copied_with_all_in_them_and_keep_their_type(value: Any) -> None:
    copied = snapshot(value)
    assert copied == value
    assert type(copied) is type(value)
    assert copied is not value
    inner, outer = list(mutable(copied)), {id(x) for x in mutable(value)}
    assert inner
    assert all(id(x) not in outer for x in inner)


def mutable(value: Any) -> Any:
    if isinstance(value, (list, dict, set, bytearray, collections.deque)):
        yield value
    children = value.values() if isinstance(value, dict) else value
    if isinstance(value, (list, dict, tuple, collections.deque)):
        for child in children:
            yield from mutable(child)


def test_a_deques_bound_and_a_dicts_default_stay() -> None:
    assert snapshot(collections.deque([1], maxlen=3)).maxlen == 3
    assert snapshot(collections.defaultdict(list)).default_factory is list


def test_what_contains_itself_is_refused() -> None:
    loop: list[Any] = []
    loop.append(loop)
    with pytest.raises(Invalid, match="contains itself"):
        snapshot(loop)


def test_what_cannot_be_copied_is_refused() -> None:
    with pytest.raises(Invalid, match="cannot send a Refuses: TypeError: no copies"):
        snapshot(Refuses([1]))


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | st.binary(),
    lambda inner: (
        st.lists(inner)
        | st.dictionaries(st.text(), inner)
        | st.tuples(inner, inner)
        | st.sets(st.integers())
    ),
)


@given(value=values)
def test_a_snapshot_equals_and_shares_nothing_that_can_change(value: Any) -> None:
    copied = snapshot(value)
    assert copied == value
    assert not {id(x) for x in mutable(copied)} & {id(x) for x in mutable(value)}


async def test_what_is_sent_is_what_it_was_at_sending(runtime: Runtime) -> None:
    async def main() -> Any:
        values: dict[str, Any] = {"list": [1]}
        process.send(process.pid(), "t", values)
        values["list"].append(2)
        values["more"] = 3
        return (await process.inbox().receive()).data

    assert await as_process(runtime, main) == {"list": [1]}
