"""How many restarts are too many, at the edges of the window."""

from __future__ import annotations

import pytest
import trio

from echosvc.errors import GaveUp
from echosvc.supervision import open_supervisor
from tests.supervision.helpers import Failure, Puppet, Starter, settle


async def fail_at(puppet: Puppet, *times: float) -> None:
    for time in times:
        await trio.sleep_until(time)
        await settle()
        puppet.fail()
        await settle()


async def test_as_many_restarts_as_allowed_are_made() -> None:
    puppet = Puppet("a")
    async with open_supervisor(max_restarts=3, within=5) as sup:
        await sup.start(puppet.spec())
        await fail_at(puppet, 0, 1, 2)
        assert puppet.runs == 4


async def test_one_more_is_too_many() -> None:
    puppet = Puppet("a")
    with pytest.raises(GaveUp) as caught:
        async with open_supervisor(max_restarts=3, within=5, name="tree") as sup:
            await sup.start(puppet.spec())
            await fail_at(puppet, 0, 1, 2, 3)
    assert puppet.runs == 4
    assert str(caught.value).startswith("tree gave up: more than 3 restarts within 5s, the last")
    assert len(caught.value.causes) == 4
    assert all(isinstance(cause, Failure) for cause in caught.value.causes)
    assert caught.value.__cause__ is caught.value.causes[-1]


async def test_restart_exactly_as_long_ago_as_the_window_still_counts() -> None:
    puppet = Puppet("a")
    with pytest.raises(GaveUp):
        async with open_supervisor(max_restarts=1, within=5) as sup:
            await sup.start(puppet.spec())
            await fail_at(puppet, 1, 6)


async def test_restart_longer_ago_than_the_window_does_not_count() -> None:
    puppet = Puppet("a")
    async with open_supervisor(max_restarts=1, within=5) as sup:
        await sup.start(puppet.spec())
        await fail_at(puppet, 1, 6.001, 11.002)
        assert puppet.runs == 4


async def test_window_moves_with_the_clock() -> None:
    puppet = Puppet("a")
    with pytest.raises(GaveUp) as caught:
        async with open_supervisor(max_restarts=2, within=5) as sup:
            await sup.start(puppet.spec())
            await fail_at(puppet, 0, 4, 6, 8.5)
    assert puppet.runs == 4
    assert len(caught.value.causes) == 3


async def test_none_allowed_gives_up_at_the_first() -> None:
    puppet = Puppet("a")
    with pytest.raises(GaveUp):
        async with open_supervisor(max_restarts=0) as sup:
            await sup.start(puppet.spec())
            await fail_at(puppet, 0)
    assert puppet.runs == 1


async def test_none_as_the_limit_never_gives_up() -> None:
    puppet = Puppet("a")
    async with open_supervisor(max_restarts=None) as sup:
        await sup.start(puppet.spec())
        await fail_at(puppet, *([0] * 100))
        assert puppet.runs == 101


async def test_all_children_count_together() -> None:
    puppets = [Puppet("a"), Puppet("b")]
    with pytest.raises(GaveUp) as caught:
        async with open_supervisor(max_restarts=1) as sup:
            for puppet in puppets:
                await sup.start(puppet.spec())
            await fail_at(puppets[0], 0)
            await fail_at(puppets[1], 1)
    assert [str(cause) for cause in caught.value.causes] == ["a", "b"]


async def test_returns_of_permanent_children_count() -> None:
    puppet = Puppet("a")
    with pytest.raises(GaveUp) as caught:
        async with open_supervisor(max_restarts=0) as sup:
            await sup.start(puppet.spec())
            await settle()
            puppet.finish()
            await trio.sleep_forever()
    assert str(caught.value.__cause__) == "child a returned"


async def test_restarts_by_hand_do_not_count() -> None:
    puppet = Puppet("a")
    async with open_supervisor(max_restarts=0) as sup:
        await sup.start(puppet.spec())
        for _ in range(5):
            await sup.restart("a")
        await settle()
        assert puppet.runs == 6


async def test_failing_starts_of_restarts_use_up_the_limit() -> None:
    starter = Starter("a", "up", "fail", "fail", "fail", "fail")
    with pytest.raises(GaveUp) as caught:
        async with open_supervisor(max_restarts=3) as sup:
            await sup.start(starter.spec())
            await settle()
            starter.puppet.fail()
            await trio.sleep_forever()
    assert starter.starts == 4
    assert len(caught.value.causes) == 4
