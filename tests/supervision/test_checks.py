"""What cannot be meant is refused where it is given, in the words of a manifest."""

from __future__ import annotations

import asyncio
import math
from typing import Any

import pytest
import trio

from echosvc._manifest.kinds import ProcessSupervisor
from echosvc._manifest.kinds import Restart as RestartSpec
from echosvc._manifest.validate import validate
from echosvc.errors import Invalid, Unavailable
from echosvc.supervision import ChildSpec, RestartPolicy, open_supervisor
from tests.supervision.helpers import Puppet


class Unspeakable:
    def __repr__(self) -> str:
        raise AssertionError("nobody is to ask for this")


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"name": ""}, "a child's name: expected str of length >= 1, got ''"),
        ({"name": None}, "a child's name: expected str, got nothing"),
        ({"fn": None}, "child a: fn: expected an async function, got nothing"),
        (
            {"restart": "sometimes"},
            "child a: restart: expected permanent, transient or temporary, got 'sometimes'",
        ),
        ({"restart": None}, "child a: restart: expected permanent, transient or temporary, got"),
        ({"stop_timeout": -1}, "child a: stop_timeout: a duration of -1 is less than nothing"),
        ({"stop_timeout": "soon"}, "child a: stop_timeout: not a duration: 'soon'"),
        ({"args": "abc"}, "child a: args: expected a tuple, got str"),
        ({"args": (1, 2)}, "child a: its args don't fit its fn: too many positional arguments"),
        ({"backoff": "1s"}, "child a: backoff: expected a RestartPolicy, got str"),
        ({"backoff": Unspeakable()}, "child a: backoff: expected a RestartPolicy, got Unspeakable"),
    ],
)
def test_spec_that_makes_no_sense_is_refused(fields: dict[str, object], words: str) -> None:
    good = {"name": "a", "fn": Puppet("a").run}
    with pytest.raises(Invalid) as caught:
        ChildSpec(**good | fields)  # type: ignore[arg-type]  # wrong on purpose
    assert str(caught.value).startswith(words)


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"initial_delay": -1}, "initial_delay: a duration of -1 is less than nothing"),
        ({"max_delay": "-1s"}, "max_delay: a duration of '-1s' is less than nothing"),
        ({"stable_threshold": "soon"}, "stable_threshold: not a duration: 'soon'"),
        ({"backoff_factor": 0.5}, "backoff_factor: expected float >= 1.0, got 0.5"),
        ({"backoff_factor": math.nan}, "backoff_factor: expected a finite float, got nan"),
        ({"backoff_factor": "x"}, "backoff_factor: expected float, got str"),
        ({"backoff_factor": True}, "backoff_factor: expected float, got bool"),
        ({"jitter": 1.1}, "jitter: expected float <= 1.0, got 1.1"),
        ({"jitter": -0.1}, "jitter: expected float >= 0.0, got -0.1"),
        ({"jitter": None}, "jitter: expected float, got nothing"),
        ({"max_attempts": -1}, "max_attempts: expected int >= 0, got -1"),
        ({"max_attempts": "x"}, "max_attempts: expected int, got str"),
        ({"max_attempts": 1.5}, "max_attempts: expected int, got float"),
        ({"max_attempts": True}, "max_attempts: expected int, got bool"),
        ({"final": 5}, "final: expected a function, got int"),
    ],
    ids=str,
)
def test_policy_that_makes_no_sense_is_refused(fields: dict[str, Any], words: str) -> None:
    with pytest.raises(Invalid) as caught:
        RestartPolicy(**fields)
    assert str(caught.value).startswith(words)


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        (
            {"strategy": "all_for_one"},
            "strategy: expected one_for_one, one_for_all or rest_for_one, got 'all_for_one'",
        ),
        ({"strategy": 5}, "strategy: expected one_for_one, one_for_all or rest_for_one, got int"),
        ({"max_restarts": -1}, "max_restarts: expected int >= 0, got -1"),
        ({"max_restarts": "3"}, "max_restarts: expected int, got str"),
        ({"max_restarts": 1.5}, "max_restarts: expected int, got float"),
        ({"max_restarts": True}, "max_restarts: expected int, got bool"),
        ({"within": 0}, "within: nothing can be counted within 0, write a time such as 5s"),
        ({"within": "0s"}, "within: nothing can be counted within 0s, write a time such as 5s"),
        ({"within": -1}, "within: a duration of -1 is less than nothing"),
        (
            {"within": math.inf},
            "within: nothing can be counted within inf, write a time such as 5s",
        ),
        ({"within": None}, "within: not a duration: None"),
        ({"name": 5}, "name: expected str, got int"),
        ({"rng": 5}, "rng: expected a random.Random, got int"),
        ({"children": 5}, "children: expected a list of ChildSpec, got int"),
        ({"children": ["a"]}, "children: expected a list of ChildSpec, got str"),
    ],
    ids=str,
)
def test_supervisor_that_makes_no_sense_is_refused_before_its_block(
    fields: dict[str, Any], words: str
) -> None:
    with pytest.raises(Invalid) as caught:
        open_supervisor(**fields)
    assert str(caught.value).startswith(words)


@pytest.mark.parametrize(
    ("spec", "field", "value"),
    [
        (ProcessSupervisor, "max_restarts", "3"),
        (ProcessSupervisor, "max_restarts", 1.5),
        (ProcessSupervisor, "max_restarts", True),
        (ProcessSupervisor, "max_restarts", -1),
        (ProcessSupervisor, "strategy", "all_for_one"),
        (ProcessSupervisor, "within", "x"),
        (ProcessSupervisor, "within", "-1s"),
        (ProcessSupervisor, "within", "0s"),
        (ProcessSupervisor, "within", math.inf),
        (RestartSpec, "max_attempts", "x"),
        (RestartSpec, "max_attempts", 1.5),
        (RestartSpec, "max_attempts", -1),
        (RestartSpec, "backoff_factor", "x"),
        (RestartSpec, "backoff_factor", 0.5),
        (RestartSpec, "jitter", 2),
        (RestartSpec, "initial_delay", "soon"),
    ],
    ids=str,
)
def test_the_words_are_those_of_a_manifest(spec: type[Any], field: str, value: Any) -> None:
    given: dict[str, Any] = {field: value}
    if spec is ProcessSupervisor:
        given["children"] = []
    _, (complaint,) = validate(given, spec)
    with pytest.raises(Invalid) as caught:
        (open_supervisor if spec is ProcessSupervisor else RestartPolicy)(**{field: value})
    assert str(caught.value) == f"{field}: {complaint.message}"


async def test_what_is_no_spec_is_not_started() -> None:
    async with open_supervisor(name="tree") as sup:
        with pytest.raises(Invalid, match="a child of tree: expected a ChildSpec, got str"):
            await sup.start("a")  # type: ignore[arg-type]  # wrong on purpose
        assert sup.children() == ()


@pytest.mark.parametrize("limit", [None, 0, 1])
async def test_limits_that_make_sense_are_taken(limit: int | None) -> None:
    async with open_supervisor(max_restarts=limit, within="1ns"):
        await trio.lowlevel.checkpoint()


def test_under_asyncio_it_says_that_it_needs_trio() -> None:
    async def main() -> None:
        async with open_supervisor():
            raise AssertionError

    with pytest.raises(Unavailable, match=r"open_supervisor needs trio\.run") as caught:
        asyncio.run(main())
    assert caught.value.__context__ is None
