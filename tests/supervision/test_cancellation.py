"""A cancellation at every step of a small program: nothing is left running, everything in order."""

from __future__ import annotations

import random

import pytest
import trio

from echosvc.supervision import ChildSpec, RestartPolicy, open_supervisor
from tests.schedules import schedule
from tests.supervision.helpers import Failure, Puppet, Starter
from tests.sweep import sweep


@pytest.mark.parametrize("strategy", ["one_for_one", "one_for_all", "rest_for_one"])
@pytest.mark.parametrize("seed", range(3))
def test_cancelled_anywhere_it_stops_what_it_started_right_to_left(
    strategy: str, seed: int
) -> None:
    journal: list[str] = []

    async def program() -> None:
        journal.clear()
        puppets = [Puppet(name, journal) for name in "abc"]
        starter = Starter("d", "slow", "slow", "fail", journal=journal)
        policy = RestartPolicy(initial_delay=1, jitter=0)
        children = [puppets[0].spec(), puppets[1].spec(backoff=policy), puppets[2].spec()]
        async with open_supervisor(strategy, children=children, max_restarts=5) as sup:
            assert len(sup.events) == 0
            await trio.sleep(1)
            puppets[1].fail()
            await sup.start(starter.spec())
            await trio.sleep(3)
            await sup.restart("a")
            await sup.stop("c")
            starter.puppet.fail()
            await trio.sleep(3)
            await sup.remove("b")

    def check(finished: bool) -> None:
        running: list[str] = []
        for entry in journal:
            name = entry[1:]
            if entry[0] == "+":
                running.append(name)
            elif entry[0] == "-":
                running.remove(name)
        assert running == []

    with schedule(seed):
        assert sweep(program, check) > 40


def test_cancelled_anywhere_start_leaves_a_running_child_or_none() -> None:
    async def program() -> None:
        async with open_supervisor() as sup:
            starter = Starter("a", "slow")
            try:
                with trio.CancelScope():
                    await sup.start(starter.spec())
            finally:
                names = [child.name for child in sup.children()]
                assert names in ([], ["a"])
                if names:
                    assert sup.children()[0].state in ("running", "stopping", "stopped")

    assert sweep(program) > 5


@pytest.mark.parametrize("seed", range(5))
def test_crashing_children_and_cancellations_leave_no_task_behind(seed: int) -> None:
    async def crash() -> None:
        await trio.lowlevel.checkpoint()
        raise Failure

    async def program() -> None:
        rng = random.Random(seed)
        with trio.move_on_after(1):
            async with open_supervisor("rest_for_one", max_restarts=20, rng=rng) as sup:
                policy = RestartPolicy(initial_delay=0.1)
                for name in "abc":
                    await sup.start(ChildSpec(name, crash, backoff=policy))
                await trio.sleep_forever()

    with schedule(seed):
        assert sweep(program) > 40
