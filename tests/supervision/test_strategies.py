"""{one_for_one, one_for_all, rest_for_one} x {first, middle, last, only, two at once}."""

from __future__ import annotations

import pytest
import trio

from echosvc.errors import GaveUp
from echosvc.supervision import RestartPolicy, Supervisor, open_supervisor
from tests.supervision.helpers import Puppet, Starter, runs, settle, states, told

RESTARTED = {
    ("one_for_one", "a"): "a",
    ("one_for_one", "b"): "b",
    ("one_for_one", "c"): "c",
    ("one_for_all", "a"): "abc",
    ("one_for_all", "b"): "abc",
    ("one_for_all", "c"): "abc",
    ("rest_for_one", "a"): "abc",
    ("rest_for_one", "b"): "bc",
    ("rest_for_one", "c"): "c",
}


async def three(sup: Supervisor, journal: list[str], **fields: object) -> list[Puppet]:
    puppets = [Puppet(name, journal) for name in "abc"]
    for puppet in puppets:
        await sup.start(puppet.spec(**fields))
    await settle()
    journal.clear()
    return puppets


@pytest.mark.parametrize(("strategy", "failing"), RESTARTED)
async def test_failure_restarts_whom_the_strategy_says_in_order(
    strategy: str, failing: str
) -> None:
    restarted = RESTARTED[strategy, failing]
    journal: list[str] = []
    async with open_supervisor(strategy, max_restarts=1) as sup:
        puppets = await three(sup, journal)
        assert sup.events is not None
        next(p for p in puppets if p.name == failing).fail()
        await settle()
        others = [name for name in reversed(restarted) if name != failing]
        stops = [f"-{failing}", *(f"-{name}" for name in others)]
        assert journal == [*stops, *(f"+{name}" for name in restarted)]
        assert [p.runs for p in puppets] == [2 if p.name in restarted else 1 for p in puppets]
        assert set(states(sup).values()) == {"running"}
        assert told(sup)[0].affected == tuple(restarted)


@pytest.mark.parametrize("strategy", ["one_for_one", "one_for_all", "rest_for_one"])
async def test_only_child_is_restarted(strategy: str) -> None:
    puppet = Puppet("only")
    async with open_supervisor(strategy, max_restarts=1) as sup:
        await sup.start(puppet.spec())
        await settle()
        puppet.fail()
        await settle()
        assert puppet.runs == 2


@pytest.mark.parametrize(
    ("strategy", "counted", "expected"),
    [("one_for_one", 2, [2, 2, 1]), ("one_for_all", 1, [2, 2, 2])],
)
async def test_two_at_once_are_restarted_once_each(
    strategy: str, counted: int, expected: list[int]
) -> None:
    async with open_supervisor(strategy, max_restarts=counted) as sup:
        puppets = await three(sup, [])
        puppets[0].fail()
        puppets[1].fail()
        await settle()
        assert runs(*puppets) == expected
        assert set(states(sup).values()) == {"running"}
    with pytest.raises(GaveUp):
        async with open_supervisor(strategy, max_restarts=counted - 1) as sup:
            puppets = await three(sup, [])
            puppets[0].fail()
            puppets[1].fail()
            await trio.sleep_forever()


async def test_two_at_once_of_rest_for_one_are_restarted_once_each_in_any_order() -> None:
    # Which of the two tasks ends first is trio's choice. If it is the one on the right, its
    # failure has been counted when that of the left one comes.
    async with open_supervisor("rest_for_one", max_restarts=2) as sup:
        puppets = await three(sup, [])
        puppets[2].fail()
        puppets[0].fail()
        await settle()
        assert set(states(sup).values()) == {"running"}
        assert runs(*puppets) == [2, 2, 2]


@pytest.mark.parametrize("strategy", ["one_for_all", "rest_for_one"])
async def test_failure_of_who_is_about_to_be_restarted_anyway_does_not_count(
    strategy: str,
) -> None:
    async with open_supervisor(strategy, max_restarts=1) as sup:
        puppets = await three(sup, [])
        assert sup.events is not None
        puppets[2].cleanup = 1
        puppets[0].fail()
        await trio.sleep(0.5)
        assert states(sup) == {"a": "backoff", "b": "running", "c": "stopping"}
        puppets[1].fail()
        await trio.sleep(1)
        assert runs(*puppets) == [2, 2, 2]
        assert set(states(sup).values()) == {"running"}
        first, second, *_ = (event for event in told(sup) if event.what == "failed")
        assert (first.affected, second.affected) == (("a", "b", "c"), ())
        assert second.decision == "restart"


@pytest.mark.parametrize("strategy", ["one_for_all", "rest_for_one"])
async def test_temporary_children_of_a_group_are_stopped_and_forgotten(strategy: str) -> None:
    journal: list[str] = []
    first, temporary = Puppet("a", journal), Puppet("t", journal)
    async with open_supervisor(strategy) as sup:
        await sup.start(first.spec())
        await sup.start(temporary.spec(restart="temporary"))
        await settle()
        journal.clear()
        first.fail()
        await settle()
        assert journal == ["-a", "-t", "+a"]
        assert states(sup) == {"a": "running"}


@pytest.mark.parametrize("strategy", ["one_for_all", "rest_for_one"])
async def test_end_of_a_temporary_child_leaves_its_group_alone(strategy: str) -> None:
    temporary, other = Puppet("t"), Puppet("a")
    async with open_supervisor(strategy, max_restarts=0) as sup:
        await sup.start(temporary.spec(restart="temporary"))
        await sup.start(other.spec())
        await settle()
        temporary.fail()
        await settle()
        assert runs(temporary, other) == [1, 1]


@pytest.mark.parametrize("strategy", ["one_for_all", "rest_for_one"])
async def test_return_of_a_transient_child_leaves_its_group_alone(strategy: str) -> None:
    transient, other = Puppet("t"), Puppet("a")
    async with open_supervisor(strategy, max_restarts=0) as sup:
        await sup.start(transient.spec(restart="transient"))
        await sup.start(other.spec())
        await settle()
        transient.finish()
        await settle()
        assert states(sup) == {"t": "exited", "a": "running"}


async def test_child_that_has_returned_is_started_again_with_its_group() -> None:
    transient, other = Puppet("t"), Puppet("a")
    async with open_supervisor("one_for_all") as sup:
        await sup.start(transient.spec(restart="transient"))
        await sup.start(other.spec())
        await settle()
        transient.finish()
        await settle()
        other.fail()
        await settle()
        assert runs(transient, other) == [2, 2]


async def test_child_that_was_stopped_stays_so_when_its_group_is_restarted() -> None:
    async with open_supervisor("one_for_all") as sup:
        puppets = await three(sup, [])
        await sup.stop("b")
        puppets[0].fail()
        await settle()
        assert runs(*puppets) == [2, 1, 2]
        assert states(sup) == {"a": "running", "b": "stopped", "c": "running"}


@pytest.mark.parametrize("strategy", ["one_for_one", "one_for_all", "rest_for_one"])
async def test_child_started_later_is_the_rightmost(strategy: str) -> None:
    journal: list[str] = []
    async with open_supervisor(strategy) as sup:
        puppets = await three(sup, journal)
        late = Puppet("d", journal)
        await sup.start(late.spec())
        await settle()
        puppets[1].fail()
        await settle()
        assert late.runs == (1 if strategy == "one_for_one" else 2)
        journal.clear()
    assert journal == ["-d", "-c", "-b", "-a"]


async def test_group_restart_waits_for_each_child_to_be_up_before_the_next() -> None:
    journal: list[str] = []
    starter, puppet = Starter("a", "up", "slow", journal=journal), Puppet("b", journal)
    async with open_supervisor("one_for_all") as sup:
        await sup.start(starter.spec())
        await sup.start(puppet.spec())
        await settle()
        puppet.fail()
        await settle()
        assert states(sup) == {"a": "starting", "b": "backoff"}
        await trio.sleep(1)
        await settle()
        assert journal[-3:] == ["?a", "+a", "+b"]


@pytest.mark.parametrize("strategy", ["one_for_all", "rest_for_one"])
async def test_start_that_fails_in_a_group_restart_begins_another_one(strategy: str) -> None:
    journal: list[str] = []
    first, starter = Puppet("a", journal), Starter("b", "up", "fail", journal=journal)
    last = Puppet("c", journal)
    async with open_supervisor(strategy, max_restarts=2) as sup:
        for spec in (first.spec(), starter.spec(), last.spec()):
            await sup.start(spec)
        await settle()
        journal.clear()
        first.fail()
        await settle()
        again = ["-a", "+a"] if strategy == "one_for_all" else []
        assert journal == ["-a", "-c", "-b", "+a", "?b", *again, "?b", "+b", "+c"]
        assert set(states(sup).values()) == {"running"}


async def test_group_goes_on_without_a_child_whose_attempts_are_used_up() -> None:
    policy = RestartPolicy(initial_delay=1, jitter=0, max_attempts=1)
    starter, other = Starter("a", "up", "fail"), Puppet("b")
    async with open_supervisor("one_for_all") as sup:
        await sup.start(starter.spec(backoff=policy))
        await sup.start(other.spec())
        await settle()
        starter.puppet.fail()
        await trio.sleep(2)
        assert states(sup) == {"a": "failed", "b": "running"}
        other.fail()
        await settle()
        assert states(sup) == {"a": "failed", "b": "running"}
        await sup.restart("a")
        assert states(sup) == {"a": "running", "b": "running"}


async def test_group_waits_as_a_whole_for_the_backoff_of_who_failed() -> None:
    policy = RestartPolicy(initial_delay=2, jitter=0)
    patient, other = Puppet("a"), Puppet("b")
    async with open_supervisor("one_for_all") as sup:
        await sup.start(patient.spec(backoff=policy))
        await sup.start(other.spec())
        await settle()
        patient.fail()
        await settle()
        assert states(sup) == {"a": "backoff", "b": "backoff"}
        assert [child.next_restart for child in sup.children()] == [2, 2]
        await trio.sleep(2)
        await settle()
        assert states(sup) == {"a": "running", "b": "running"}
        assert [child.next_restart for child in sup.children()] == [None, None]
