"""Delays that grow, their cap, jitter and reset; attempts that run out; errors that are final."""

from __future__ import annotations

import random

import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st

from echosvc.supervision import ChildSpec, RestartPolicy, open_supervisor
from tests.supervision.helpers import Failure, Puppet, Starter, settle, states, told, whats

PLAIN = RestartPolicy(initial_delay=1, jitter=0)


def test_delays_grow_by_their_factor_up_to_the_cap() -> None:
    policy = RestartPolicy(initial_delay="1s", max_delay="10s", backoff_factor=2, jitter=0)
    assert [policy.delay(attempt) for attempt in range(1, 7)] == [1, 2, 4, 8, 10, 10]


def test_defaults_are_a_second_doubled_up_to_ninety() -> None:
    assert [RestartPolicy().delay(n) for n in range(1, 10)] == [1, 2, 4, 8, 16, 32, 64, 90, 90]


def test_delay_of_a_huge_attempt_is_the_cap() -> None:
    assert RestartPolicy().delay(10**6) == 90


@given(st.integers(1, 20), st.floats(0, 1), st.integers())
def test_jitter_stays_within_its_part_and_below_the_cap(
    attempt: int, jitter: float, seed: int
) -> None:
    policy = RestartPolicy(jitter=jitter)
    plain = policy.delay(attempt)
    delay = policy.delay(attempt, random.Random(seed))
    assert plain * (1 - jitter) <= delay <= min(90, plain * (1 + jitter))


def test_jitter_tells_children_apart() -> None:
    rng = random.Random(1)
    assert len({RestartPolicy().delay(1, rng) for _ in range(10)}) == 10


async def test_restarts_in_a_row_are_spaced_further_and_further() -> None:
    starter = Starter("a", "up", "fail", "fail", "fail", "up")
    async with open_supervisor(max_restarts=None) as sup:
        await sup.start(starter.spec(backoff=PLAIN))
        assert sup.events is not None
        await settle()
        starter.puppet.fail()
        await trio.sleep(20)
        failed = [event for event in told(sup) if event.what == "failed"]
        assert [(event.at, event.delay) for event in failed] == [(0, 1), (1, 2), (3, 4), (7, 8)]
        (child,) = sup.children()
        assert (child.started_at, child.restarts, child.state) == (15, 4, "running")


async def test_child_in_backoff_says_when_it_is_started_again() -> None:
    puppet = Puppet("a")
    async with open_supervisor() as sup:
        await sup.start(puppet.spec(backoff=PLAIN))
        await trio.sleep(2)
        puppet.fail()
        await settle()
        (child,) = sup.children()
        assert (child.state, child.next_restart, child.restarts) == ("backoff", 3, 0)


@pytest.mark.parametrize(("lived", "delay"), [(5, 2), (5.001, 1)])
async def test_run_longer_than_the_threshold_resets_the_delay(lived: float, delay: float) -> None:
    puppet = Puppet("a")
    async with open_supervisor() as sup:
        await sup.start(puppet.spec(backoff=PLAIN))
        assert sup.events is not None
        await settle()
        puppet.fail()
        await trio.sleep(1)
        await settle()
        await trio.sleep(lived)
        puppet.fail()
        await settle()
        assert [event.delay for event in told(sup) if event.decision == "restart"] == [1, delay]


async def test_time_spent_in_a_start_that_fails_does_not_count_as_stable() -> None:
    starts = 0

    async def slow_to_fail(*, task_status: trio.TaskStatus[None]) -> None:
        nonlocal starts
        starts += 1
        if starts > 1:
            await trio.sleep(100)
            raise Failure
        task_status.started()
        raise Failure

    async with open_supervisor() as sup:
        assert sup.events is not None
        await sup.start(ChildSpec("a", slow_to_fail, backoff=PLAIN))
        await trio.sleep(250)
        delays = [event.delay for event in told(sup) if event.decision == "restart"]
        assert delays == [1, 2, 4]


async def test_attempts_in_a_row_run_out() -> None:
    starter = Starter("a", "up", "fail", "fail", "up")
    policy = RestartPolicy(initial_delay=1, jitter=0, max_attempts=2)
    async with open_supervisor() as sup:
        child = await sup.start(starter.spec(backoff=policy))
        assert sup.events is not None
        await settle()
        starter.puppet.fail()
        await trio.sleep(100)
        assert (child.state, child.restarts) == ("failed", 2)
        assert whats(told(sup)) == [
            ("a", "failed", "restart"),
            ("a", "failed", "restart"),
            ("a", "failed", "leave"),
        ]
        await sup.restart("a")  # by hand the row begins anew
        await settle()
        starter.puppet.fail()
        await trio.sleep(1)
        await settle()
        assert child.state == "running"


async def test_final_error_leaves_the_child_failed() -> None:
    puppet = Puppet("a")
    policy = RestartPolicy(final=lambda error: "never" in str(error))
    async with open_supervisor() as sup:
        child = await sup.start(puppet.spec(backoff=policy))
        await settle()
        puppet.fail(Failure("try again"))
        await trio.sleep(2)
        assert child.state == "running"
        error = puppet.fail(Failure("never again"))
        await trio.sleep(1000)
        assert (child.state, child.last_error) == ("failed", error)
        assert states(sup) == {"a": "failed"}


async def test_stop_during_backoff_calls_the_restart_off() -> None:
    puppet = Puppet("a")
    async with open_supervisor() as sup:
        await sup.start(puppet.spec(backoff=PLAIN))
        await settle()
        puppet.fail()
        await settle()
        await sup.stop("a")
        assert states(sup) == {"a": "stopped"}
        await trio.sleep(10)
        assert puppet.runs == 1


async def test_restart_during_backoff_does_not_wait_for_it() -> None:
    puppet = Puppet("a")
    async with open_supervisor() as sup:
        await sup.start(puppet.spec(backoff=PLAIN))
        await settle()
        puppet.fail()
        await settle()
        await sup.restart("a")
        await settle()
        assert (puppet.runs, trio.current_time()) == (2, 0)
        await trio.sleep(10)
        assert puppet.runs == 2


async def test_remove_during_backoff_forgets_the_child() -> None:
    puppet = Puppet("a")
    async with open_supervisor() as sup:
        await sup.start(puppet.spec(backoff=PLAIN))
        await settle()
        puppet.fail()
        await settle()
        await sup.remove("a")
        await trio.sleep(10)
        assert (puppet.runs, sup.children()) == (1, ())


async def test_stop_of_who_failed_lets_its_group_come_back_without_it() -> None:
    patient, other = Puppet("a"), Puppet("b")
    async with open_supervisor("one_for_all") as sup:
        await sup.start(patient.spec(backoff=PLAIN))
        await sup.start(other.spec())
        await settle()
        patient.fail()
        await settle()
        await sup.stop("a")
        await trio.sleep(2)
        assert states(sup) == {"a": "stopped", "b": "running"}


async def test_each_child_under_one_for_one_waits_for_a_delay_of_its_own() -> None:
    one, two = Puppet("a"), Puppet("b")
    async with open_supervisor() as sup:
        await sup.start(one.spec(backoff=RestartPolicy(initial_delay=1, jitter=0)))
        await sup.start(two.spec(backoff=RestartPolicy(initial_delay=3, jitter=0)))
        assert len(sup.events) == 0
        await settle()
        one.fail()
        two.fail()
        await settle()
        assert [child.next_restart for child in sup.children()] == [1, 3]
        failed = [event for event in told(sup) if event.what == "failed"]
        assert {(event.child, event.delay, event.affected) for event in failed} == {
            ("a", 1, ("a",)),
            ("b", 3, ("b",)),
        }
        await trio.sleep(2)
        assert (one.runs, two.runs) == (2, 1)
        await trio.sleep(2)
        assert (one.runs, two.runs) == (2, 2)


async def test_delay_of_a_group_begins_with_the_failure_and_not_with_the_last_end() -> None:
    patient, slow = Puppet("a"), Puppet("b")
    slow.cleanup = 2
    async with open_supervisor("one_for_all") as sup:
        await sup.start(patient.spec(backoff=RestartPolicy(initial_delay=3, jitter=0)))
        await sup.start(slow.spec())
        await settle()
        patient.fail()
        await trio.sleep(2.5)
        assert [child.next_restart for child in sup.children()] == [3, 3]
        await trio.sleep(1)
        assert [child.started_at for child in sup.children()] == [3, 3]


async def test_error_of_a_policy_s_own_function_leaves_the_block_after_an_ordered_stop() -> None:
    def confused(error: BaseException) -> bool:
        raise ZeroDivisionError("who knows")

    journal: list[str] = []
    puppets = [Puppet(name, journal) for name in "abc"]
    with pytest.raises(ZeroDivisionError):
        async with open_supervisor() as sup:
            for puppet in puppets:
                await sup.start(puppet.spec(backoff=RestartPolicy(final=confused)))
            await settle()
            journal.clear()
            puppets[1].fail()
            await trio.sleep_forever()
    assert journal == ["-b", "-c", "-a"]


async def test_leaving_during_backoff_does_not_wait_for_it() -> None:
    puppet = Puppet("a")
    async with open_supervisor() as sup:
        await sup.start(puppet.spec(backoff=RestartPolicy(initial_delay="1h", max_delay="2h")))
        await settle()
        puppet.fail()
        await settle()
    assert trio.current_time() == 0
