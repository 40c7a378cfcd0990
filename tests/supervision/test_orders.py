"""start, stop, restart and remove: whoever asks, and whenever."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest
import trio

from echosvc.errors import (
    AlreadyExists,
    Canceled,
    Conflict,
    NotFound,
    StartFailed,
    Unavailable,
)
from echosvc.supervision import ChildSpec, RestartPolicy, Supervisor, open_supervisor
from tests.supervision.helpers import Failure, Puppet, Starter, settle, states

GROUPS = ["one_for_all", "rest_for_one"]
STRATEGIES = ["one_for_one", *GROUPS]


async def test_children_start_left_to_right_and_stop_right_to_left() -> None:
    journal: list[str] = []
    specs = [Puppet(name, journal).spec() for name in "abc"]
    async with open_supervisor(children=specs) as sup:
        await settle()
        assert [child.name for child in sup.children()] == ["a", "b", "c"]
    assert journal == ["+a", "+b", "+c", "-c", "-b", "-a"]


async def test_stop_waits_for_the_cleanup_of_one_before_the_next() -> None:
    journal: list[str] = []
    puppets = [Puppet(name, journal) for name in "ab"]
    for puppet in puppets:
        puppet.cleanup = 2
    async with open_supervisor(children=[puppet.spec() for puppet in puppets]):
        await settle()
    assert trio.current_time() == 4


async def test_child_with_task_status_is_up_when_it_says_so() -> None:
    starter = Starter("a", "slow")
    async with open_supervisor() as sup:
        child = await sup.start(starter.spec())
        assert trio.current_time() == 1
        assert child.value == 1
        await sup.restart("a")
        assert child.value == 2


async def test_children_of_which_one_does_not_start_leave_those_before_it_stopped() -> None:
    journal: list[str] = []
    first, starter = Puppet("a", journal), Starter("b", "fail", journal=journal)
    last = Puppet("c", journal)
    with pytest.raises(StartFailed, match="child b of supervisor did not start: Failure: b does"):
        async with open_supervisor(children=[first.spec(), starter.spec(), last.spec()]):
            raise AssertionError
    assert journal == ["+a", "?b", "-a"]


async def test_name_that_is_taken_is_refused() -> None:
    async with open_supervisor() as sup:
        await sup.start(Puppet("a").spec(restart="transient"))
        with pytest.raises(AlreadyExists, match="a child 'a' already"):
            await sup.start(Puppet("a").spec())


async def test_unknown_names_are_refused_with_those_that_there_are() -> None:
    async with open_supervisor(name="tree") as sup:
        await sup.start(Puppet("a").spec())
        for order in (sup.stop, sup.restart, sup.remove):
            with pytest.raises(NotFound, match=r"tree has no child 'b' \(children: a\)"):
                await order("b")


async def test_after_the_block_nothing_is_started() -> None:
    async with open_supervisor() as sup:
        await sup.start(Puppet("a").spec())
    with pytest.raises(Unavailable, match="is stopping"):
        await sup.start(Puppet("b").spec())
    with pytest.raises(Unavailable, match="is stopping"):
        await sup.restart("a")
    await sup.stop("a")


async def test_remove_stops_and_forgets() -> None:
    puppet = Puppet("a")
    async with open_supervisor() as sup:
        await sup.start(puppet.spec())
        await settle()
        await sup.remove("a")
        assert puppet.journal == ["+a", "-a"]
        assert sup.children() == ()
        await sup.start(puppet.spec())


async def test_cancelled_start_stops_and_forgets_the_child() -> None:
    starter = Starter("a", "hang")
    async with open_supervisor() as sup:
        with trio.move_on_after(1) as scope:
            await sup.start(starter.spec())
        assert scope.cancelled_caught
        assert sup.children() == ()


async def test_cancelled_stop_has_stopped_the_child_all_the_same() -> None:
    puppet = Puppet("a")
    puppet.cleanup = 5
    async with open_supervisor() as sup:
        await sup.start(puppet.spec())
        await settle()
        with trio.move_on_after(1):
            await sup.stop("a")
        assert states(sup) == {"a": "stopping"}
        await trio.sleep(5)
        assert states(sup) == {"a": "stopped"}


async def test_cancelled_restart_has_restarted_the_child_all_the_same() -> None:
    puppet = Puppet("a")
    puppet.cleanup = 5
    async with open_supervisor() as sup:
        await sup.start(puppet.spec())
        await settle()
        with trio.move_on_after(1):
            await sup.restart("a")
        await trio.sleep(5)
        assert (puppet.runs, states(sup)) == (2, {"a": "running"})


async def test_restart_whose_start_fails_leaves_the_child_failed() -> None:
    starter = Starter("a", "up", "fail")
    async with open_supervisor() as sup:
        await sup.start(starter.spec())
        with pytest.raises(StartFailed):
            await sup.restart("a")
        assert states(sup) == {"a": "failed"}


async def test_restarts_by_hand_are_counted_as_restarts() -> None:
    async with open_supervisor() as sup:
        child = await sup.start(Puppet("a").spec())
        await sup.restart("a")
        await sup.restart("a")
        assert child.restarts == sup.children()[0].restarts == 2


async def test_restart_of_a_temporary_child_whose_start_fails_forgets_it() -> None:
    starter = Starter("a", "up", "fail")
    async with open_supervisor() as sup:
        await sup.start(starter.spec(restart="temporary"))
        with pytest.raises(StartFailed):
            await sup.restart("a")
        assert sup.children() == ()


@pytest.mark.parametrize("end", ["finish", "fail"])
async def test_stop_of_a_child_that_has_ended_is_its_state(end: str) -> None:
    puppet, other = Puppet("a"), Puppet("b")
    policy = RestartPolicy(final=lambda error: True)
    async with open_supervisor("one_for_all") as sup:
        child = await sup.start(puppet.spec(restart="transient", backoff=policy))
        await sup.start(other.spec())
        await settle()
        getattr(puppet, end)()
        await settle()
        assert child.state == ("exited" if end == "finish" else "failed")
        await sup.stop("a")
        assert child.state == "stopped"
        other.fail()
        await settle()
        assert states(sup) == {"a": "stopped", "b": "running"}


async def test_child_that_is_being_removed_cannot_be_restarted() -> None:
    puppet = Puppet("a")
    puppet.cleanup = 2
    async with open_supervisor() as sup, trio.open_nursery() as nursery:
        await sup.start(puppet.spec())
        await settle()
        nursery.start_soon(sup.remove, "a")
        await settle()
        assert states(sup) == {"a": "stopping"}
        with pytest.raises(NotFound, match="is removing its child 'a'"):
            await sup.restart("a")
        with pytest.raises(AlreadyExists):
            await sup.start(puppet.spec())
        await trio.sleep(2)
        await settle()
        assert states(sup) == {}
        assert puppet.runs == 1


# -- a restart of a child that is just starting


@pytest.mark.parametrize("strategy", STRATEGIES)
async def test_restart_of_a_starting_child_restarts_it(strategy: str) -> None:
    starter = Starter("a", "hang", "slow")
    started: list[object] = []
    async with open_supervisor(strategy) as sup, trio.open_nursery() as nursery:

        async def start() -> None:
            started.append(await sup.start(starter.spec()))

        nursery.start_soon(start)
        await settle()
        child = await sup.restart("a")
        await settle()
        assert started == [child]
        assert (starter.starts, child.restarts, child.state) == (2, 1, "running")
        assert (child.value, trio.current_time()) == (2, 1)


@pytest.mark.parametrize("strategy", STRATEGIES)
async def test_restart_of_a_starting_child_that_fails_is_told_to_both_who_wait(
    strategy: str,
) -> None:
    starter = Starter("a", "hang", "fail")
    causes: list[BaseException | None] = []

    async def refused(order: Callable[[], Awaitable[object]]) -> None:
        with pytest.raises(StartFailed) as caught:
            await order()
        causes.append(caught.value.__cause__)

    async with open_supervisor(strategy) as sup, trio.open_nursery() as nursery:
        nursery.start_soon(refused, lambda: sup.start(starter.spec()))
        await settle()
        nursery.start_soon(refused, lambda: sup.restart("a"))
        await settle()
        assert sup.children() == ()
        assert [type(cause) for cause in causes] == [Failure, Failure]


async def test_restart_of_a_child_that_starts_with_its_group_is_done_in_its_place() -> None:
    journal: list[str] = []
    first = Starter("a", "up", "hang", "up", journal=journal)
    puppet = Puppet("b", journal)
    async with open_supervisor("one_for_all") as sup:
        await sup.start(first.spec())
        await sup.start(puppet.spec())
        await settle()
        puppet.fail()
        await settle()
        assert states(sup) == {"a": "starting", "b": "backoff"}
        journal.clear()
        await sup.restart("a")
        await settle()
        assert journal == ["?a", "+a", "+b"]


@pytest.mark.parametrize("strategy", STRATEGIES)
async def test_child_can_restart_itself_before_it_is_up(strategy: str) -> None:
    starts = 0

    async with open_supervisor(strategy) as sup:

        async def restless(*, task_status: trio.TaskStatus[None]) -> None:
            nonlocal starts
            starts += 1
            if starts == 1:
                await sup.restart("a")
            task_status.started()
            await trio.sleep_forever()

        child = await sup.start(ChildSpec("a", restless))
        assert (starts, child.restarts, child.state) == (2, 1, "running")


# -- orders while a group is restarted


@pytest.mark.parametrize("strategy", GROUPS)
async def test_start_during_a_group_restart_comes_after_it_and_starts_once(strategy: str) -> None:
    journal: list[str] = []
    first, slow, late = Puppet("a", journal), Puppet("b", journal), Puppet("c", journal)
    slow.cleanup = 1
    async with open_supervisor(strategy) as sup, trio.open_nursery() as nursery:
        await sup.start(first.spec())
        await sup.start(slow.spec())
        await settle()
        journal.clear()
        first.fail()
        await settle()
        nursery.start_soon(sup.start, late.spec())
        await settle()
        assert states(sup) == {"a": "backoff", "b": "stopping", "c": "starting"}
        await trio.sleep(1)
        await settle()
        assert journal == ["-a", "-b", "+a", "+b", "+c"]
        assert set(states(sup).values()) == {"running"}
        assert sup.children()[2].restarts == 0


@pytest.mark.parametrize("strategy", GROUPS)
async def test_start_does_not_slip_in_while_a_group_waits_for_its_restart(strategy: str) -> None:
    journal: list[str] = []
    policy = RestartPolicy(initial_delay=2, jitter=0)
    starter, other = Starter("a", "up", "slow", journal=journal), Puppet("b", journal)
    late = Puppet("c", journal)
    async with open_supervisor(strategy) as sup, trio.open_nursery() as nursery:
        await sup.start(starter.spec(backoff=policy))
        await sup.start(other.spec())
        await settle()
        starter.puppet.fail()
        await settle()
        journal.clear()
        nursery.start_soon(sup.start, late.spec())
        await trio.sleep(2.5)
        assert states(sup) == {"a": "starting", "b": "backoff", "c": "starting"}
        await trio.sleep(0.5)
        await settle()
        assert journal == ["?a", "+a", "+b", "+c"]


async def test_start_waits_for_who_failed_again_in_the_start_of_a_restart() -> None:
    journal: list[str] = []
    policy = RestartPolicy(initial_delay=1, jitter=0)
    starter, late = Starter("a", "up", "fail", "up", journal=journal), Puppet("b", journal)
    async with open_supervisor("rest_for_one") as sup, trio.open_nursery() as nursery:
        await sup.start(starter.spec(backoff=policy))
        await settle()
        starter.puppet.fail()
        await settle()
        journal.clear()
        nursery.start_soon(sup.start, late.spec())
        await trio.sleep(4)
        assert journal == ["?a", "?a", "+a", "+b"]


@pytest.mark.parametrize("order", ["stop", "remove", "cancel", "leave"])
async def test_start_that_waits_for_its_turn_is_told_at_once_that_it_will_not_come(
    order: str,
) -> None:
    told: list[tuple[float, object]] = []
    policy = RestartPolicy(initial_delay=60, jitter=0)
    patient, late = Puppet("a"), Puppet("b")
    async with trio.open_nursery() as nursery, open_supervisor("one_for_all") as sup:
        await sup.start(patient.spec(backoff=policy))
        await settle()
        patient.fail()
        await settle()
        scope = trio.CancelScope()

        async def start() -> None:
            with scope:
                try:
                    await sup.start(late.spec())
                except (StartFailed, Unavailable) as exc:
                    told.append((trio.current_time(), type(exc)))
            if scope.cancelled_caught:
                told.append((trio.current_time(), "cancelled"))

        nursery.start_soon(start)
        await settle()
        match order:
            case "stop" | "remove":
                await getattr(sup, order)("b")
            case "cancel":
                scope.cancel()
        await settle()
        assert states(sup) == {"a": "backoff"} | ({"b": "starting"} if order == "leave" else {})
    how = {"cancel": "cancelled", "leave": Unavailable}.get(order, StartFailed)
    assert told == [(0, how)]
    assert late.runs == 0


@pytest.mark.parametrize("strategy", GROUPS)
async def test_restart_during_a_group_restart_is_that_restart(strategy: str) -> None:
    journal: list[str] = []
    puppets = [Puppet(name, journal) for name in "abc"]
    puppets[2].cleanup = 1
    async with open_supervisor(strategy) as sup:
        for puppet in puppets:
            await sup.start(puppet.spec())
        await settle()
        journal.clear()
        puppets[0].fail()
        await settle()
        child = await sup.restart("b")
        await settle()
        assert journal == ["-a", "-b", "-c", "+a", "+b", "+c"]
        assert child.restarts == 1


async def test_restart_that_waits_for_its_turn_gives_way_to_a_stop() -> None:
    puppets = [Puppet(name) for name in "abc"]
    puppets[2].cleanup = 5
    async with open_supervisor("one_for_all") as sup, trio.open_nursery() as nursery:
        for puppet in puppets:
            await sup.start(puppet.spec())
        await settle()
        puppets[0].fail()
        await settle()

        async def restart() -> None:
            with pytest.raises(StartFailed, match="it was stopped while it was starting"):
                await sup.restart("b")
            assert trio.current_time() == 0

        nursery.start_soon(restart)
        await settle()
        await sup.stop("b")
        await settle()
        assert states(sup) == {"a": "backoff", "b": "stopped", "c": "stopping"}
        await trio.sleep(5)
        await settle()
        assert states(sup) == {"a": "running", "b": "stopped", "c": "running"}


async def test_two_restarts_of_one_child_at_once_are_one() -> None:
    puppet = Puppet("a")
    puppet.cleanup = 1
    async with open_supervisor() as sup:
        child = await sup.start(puppet.spec())
        await settle()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(sup.restart, "a")
            nursery.start_soon(sup.restart, "a")
        await settle()
        assert (puppet.runs, child.restarts, child.state) == (2, 1, "running")


async def test_removed_child_that_has_failed_does_not_widen_who_is_restarted() -> None:
    puppets = [Puppet(name) for name in "abc"]
    puppets[2].cleanup = 1
    async with open_supervisor("rest_for_one", max_restarts=2) as sup:
        for puppet in puppets:
            await sup.start(puppet.spec())
        await settle()
        puppets[1].fail()
        await puppets_end(sup, "b")
        await sup.remove("b")
        await trio.sleep(2)
        assert [puppet.runs for puppet in puppets] == [1, 1, 2]


async def puppets_end(sup: Supervisor, name: str) -> None:
    """Wait until a child's run has ended, and for nothing of what follows from that."""
    while states(sup)[name] == "running":
        await trio.lowlevel.checkpoint()


@pytest.mark.parametrize("strategy", STRATEGIES)
async def test_stop_ends_a_start_that_hangs(strategy: str) -> None:
    starter = Starter("a", "hang")
    async with open_supervisor(strategy) as sup, trio.open_nursery() as nursery:

        async def start() -> None:
            with pytest.raises(StartFailed, match="it was stopped while it was starting"):
                await sup.start(starter.spec())

        nursery.start_soon(start)
        await settle()
        await sup.stop("a")
        await settle()
        assert sup.children() == ()


@pytest.mark.parametrize("strategy", STRATEGIES)
async def test_stop_ends_a_restart_that_hangs_in_its_start(strategy: str) -> None:
    starter = Starter("a", "up", "hang")
    async with open_supervisor(strategy) as sup:
        await sup.start(starter.spec())
        await settle()
        starter.puppet.fail()
        await settle()
        assert states(sup) == {"a": "starting"}
        await sup.stop("a")
        assert states(sup) == {"a": "stopped"}
        await sup.restart("a")
        assert states(sup) == {"a": "running"}


@pytest.mark.parametrize("strategy", STRATEGIES)
async def test_leaving_ends_a_start_that_hangs(strategy: str) -> None:
    starter, journal = Starter("a", "up", "hang"), []
    puppet = Puppet("b", journal)
    async with open_supervisor(strategy) as sup:
        await sup.start(starter.spec())
        await sup.start(puppet.spec())
        await settle()
        starter.puppet.fail()
        await settle()
        assert states(sup)["a"] == "starting"
    assert trio.current_time() == 0


@pytest.mark.parametrize("strategy", STRATEGIES)
async def test_last_of_several_orders_wins(strategy: str) -> None:
    puppet = Puppet("a")
    puppet.cleanup = 1
    async with open_supervisor(strategy) as sup, trio.open_nursery() as nursery:
        await sup.start(puppet.spec())
        await settle()

        async def refused() -> None:
            with pytest.raises(StartFailed):
                await sup.restart("a")

        nursery.start_soon(refused)
        await settle()
        await sup.stop("a")
        await settle()
        assert (puppet.runs, states(sup)) == (1, {"a": "stopped"})


@pytest.mark.parametrize("strategy", GROUPS)
async def test_stop_during_a_group_restart_keeps_the_child_stopped(strategy: str) -> None:
    first, slow, last = Puppet("a"), Puppet("b"), Puppet("c")
    slow.cleanup = last.cleanup = 2
    async with open_supervisor(strategy) as sup:
        for puppet in (first, slow, last):
            await sup.start(puppet.spec())
        await settle()
        first.fail()
        await trio.sleep(1)
        await sup.stop("b")
        await trio.sleep(5)
        assert states(sup) == {"a": "running", "b": "stopped", "c": "running"}


# -- a child that asks

Order = Callable[[Supervisor], Awaitable[object]]


def asking(sup: Supervisor, order: Order, shielded: bool = False) -> ChildSpec:
    runs = 0

    async def ask() -> None:
        nonlocal runs
        runs += 1
        if runs == 1:
            try:
                await trio.sleep(1)
                await order(sup)
                await trio.sleep_forever()
            finally:
                if shielded:
                    with trio.CancelScope(shield=True):
                        await order(sup)
        await trio.sleep_forever()

    return ChildSpec("me", ask)


@pytest.mark.parametrize("shielded", [False, True])
@pytest.mark.parametrize("strategy", STRATEGIES)
async def test_child_can_stop_itself(strategy: str, shielded: bool) -> None:
    async with open_supervisor(strategy) as sup:
        await sup.start(asking(sup, lambda sup: sup.stop("me"), shielded))
        await trio.sleep(2)
        assert states(sup) == {"me": "stopped"}


@pytest.mark.parametrize("strategy", STRATEGIES)
async def test_child_can_remove_itself(strategy: str) -> None:
    async with open_supervisor(strategy) as sup:
        await sup.start(asking(sup, lambda sup: sup.remove("me")))
        await trio.sleep(2)
        assert states(sup) == {}


@pytest.mark.parametrize("shielded", [False, True])
@pytest.mark.parametrize("strategy", STRATEGIES)
async def test_child_can_restart_itself(strategy: str, shielded: bool) -> None:
    async with open_supervisor(strategy) as sup:
        child = await sup.start(asking(sup, lambda sup: sup.restart("me"), shielded))
        await trio.sleep(2)
        assert states(sup) == {"me": "running"}
        assert child.restarts >= 1


@pytest.mark.parametrize("order", ["stop", "restart", "remove", "start"])
@pytest.mark.parametrize("strategy", STRATEGIES)
async def test_child_can_order_its_siblings(strategy: str, order: str) -> None:
    left, right, new = Puppet("left"), Puppet("right"), Puppet("new")

    async def both(sup: Supervisor) -> None:
        if order == "start":
            await sup.start(new.spec())
        else:
            for name in ("left", "right"):
                await getattr(sup, order)(name)

    async with open_supervisor(strategy) as sup:
        await sup.start(left.spec())
        await sup.start(asking(sup, both))
        await sup.start(right.spec())
        await trio.sleep(2)
        expected = {
            "stop": {"left": "stopped", "me": "running", "right": "stopped"},
            "restart": dict.fromkeys(("left", "me", "right"), "running"),
            "remove": {"me": "running"},
            "start": dict.fromkeys(("left", "me", "right", "new"), "running"),
        }
        assert states(sup) == expected[order]


@pytest.mark.parametrize("order", ["start", "restart"])
@pytest.mark.parametrize("strategy", GROUPS)
async def test_child_that_starts_a_sibling_before_it_is_up_is_told_why_it_cannot(
    strategy: str, order: str
) -> None:
    async with open_supervisor(strategy) as sup:
        await sup.start(Puppet("there").spec())

        async def eager(*, task_status: trio.TaskStatus[None]) -> None:
            if order == "start":
                await sup.start(Puppet("other").spec())
            else:
                await sup.restart("there")
            task_status.started()

        with pytest.raises(StartFailed) as caught:
            await sup.start(ChildSpec("eager", eager))
        assert isinstance(caught.value.__cause__, Conflict)
        assert "eager is still starting" in str(caught.value)


async def test_child_under_one_for_one_can_start_siblings_before_it_is_up() -> None:
    async with open_supervisor() as sup:

        async def eager(*, task_status: trio.TaskStatus[None]) -> None:
            other = await sup.start(Puppet("other").spec())
            await sup.restart("other")
            assert other.restarts == 1
            task_status.started()
            await trio.sleep_forever()

        await sup.start(ChildSpec("eager", eager))
        assert states(sup) == {"eager": "running", "other": "running"}


@pytest.mark.parametrize("order", ["start", "restart"])
@pytest.mark.parametrize("strategy", GROUPS)
async def test_child_that_waits_shielded_for_its_turn_is_refused_when_it_is_stopped(
    strategy: str, order: str
) -> None:
    # Its group waits for its end, and it waits for its group.
    refused: list[str] = []
    first, other, new = Puppet("a"), Puppet("b"), Puppet("new")
    other.cleanup = 1
    async with open_supervisor(strategy) as sup:

        async def stubborn() -> None:
            if first.runs == 2:
                await trio.sleep_forever()
            with trio.CancelScope(shield=True):
                await trio.sleep(2.5)  # the last to its right is being stopped by then
                try:
                    await (sup.start(new.spec()) if order == "start" else sup.restart("b"))
                except Conflict as exc:
                    refused.append(str(exc))
            await trio.sleep_forever()

        await sup.start(first.spec())
        await sup.start(ChildSpec("stubborn", stubborn))
        await sup.start(other.spec())
        await trio.sleep(2)
        first.fail()
        await trio.sleep(10)
        assert refused == [
            "supervisor waits for a child: stubborn is being stopped, and can start no other"
        ]
        assert states(sup) == {"a": "running", "stubborn": "running", "b": "running"}
        assert (first.runs, other.runs, new.runs) == (2, 2, 0)


async def test_task_that_outlives_the_child_that_started_it_is_no_part_of_it_any_more() -> None:
    go = trio.Event()
    async with open_supervisor("one_for_all") as sup, trio.open_nursery() as nursery:

        async def later() -> None:
            await go.wait()
            await sup.start(Puppet("b").spec())

        async def leaves_it_behind(*, task_status: trio.TaskStatus[None]) -> None:
            nursery.start_soon(later)
            task_status.started()
            await trio.sleep_forever()

        await sup.start(ChildSpec("a", leaves_it_behind))
        await sup.stop("a")
        go.set()
        await settle()
        assert states(sup) == {"a": "stopped", "b": "running"}


@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize("when", ["shutdown", "group restart"])
async def test_child_that_starts_a_sibling_in_its_cleanup_holds_up_nobody(
    strategy: str, when: str
) -> None:
    refused: list[type[Exception]] = []
    first = Puppet("a")
    async with open_supervisor(strategy) as sup:

        async def late() -> None:
            try:
                await trio.sleep_forever()
            finally:
                with trio.CancelScope(shield=True):
                    try:
                        await sup.start(Puppet("late").spec(restart="temporary"))
                    except (Conflict, Unavailable) as exc:
                        refused.append(type(exc))

        await sup.start(first.spec())
        await sup.start(ChildSpec("b", late))
        await settle()
        if when == "group restart":
            first.fail()
            await settle()
            assert refused == ([] if strategy == "one_for_one" else [Conflict])
            assert set(states(sup).values()) == {"running"}
            refused.clear()
    assert refused == [Unavailable]
    assert trio.current_time() == 0


async def test_inner_supervisors_child_that_holds_up_the_outer_one_is_told_so() -> None:
    seen: list[Exception] = []
    async with open_supervisor("one_for_all") as outer:

        async def eager() -> None:
            try:
                await outer.start(Puppet("other").spec())
            except Conflict as exc:
                seen.append(exc)

        async def inner(*, task_status: trio.TaskStatus[None]) -> None:
            async with open_supervisor() as sup:
                await sup.start(ChildSpec("eager", eager, restart="temporary"))
                await trio.sleep(1)
                task_status.started()
                await trio.sleep_forever()

        await outer.start(ChildSpec("inner", inner))
        assert len(seen) == 1
        assert "inner is still starting" in str(seen[0])


async def test_cancel_of_a_child_that_does_not_run_does_nothing() -> None:
    puppet = Puppet("a")
    async with open_supervisor() as sup:
        child = await sup.start(puppet.spec())
        await sup.stop("a")
        child.cancel()
        assert child.state == "stopped"


async def test_cancel_of_a_child_that_is_starting_fails_its_start() -> None:
    starter = Starter("a", "hang")
    async with open_supervisor() as sup, trio.open_nursery() as nursery:

        async def start() -> None:
            with pytest.raises(StartFailed) as caught:
                await sup.start(starter.spec())
            assert isinstance(caught.value.__cause__, Canceled)

        nursery.start_soon(start)
        await settle()
        assert repr(sup) == "<supervisor supervisor one_for_one with 1 children>"
        sup._children["a"].cancel()


async def test_started_twice_is_an_error_of_the_child() -> None:
    async def twice(*, task_status: trio.TaskStatus[None]) -> None:
        task_status.started()
        task_status.started()

    async with open_supervisor() as sup:
        child = await sup.start(ChildSpec("a", twice, restart="temporary"))
        await settle()
        assert "called 'started' twice" in str(child.last_error)


async def test_two_supervisors_do_not_know_of_each_other() -> None:
    one, two = Puppet("a"), Puppet("a")
    async with open_supervisor(max_restarts=0) as first, open_supervisor(max_restarts=1) as second:
        await first.start(one.spec())
        await second.start(two.spec())
        await settle()
        two.fail(Failure())
        await settle()
        assert (one.runs, two.runs) == (1, 2)


async def test_wait_returns_at_the_end_of_the_run() -> None:
    puppet = Puppet("a")
    async with open_supervisor() as sup, trio.open_nursery() as nursery:
        child = await sup.start(puppet.spec())
        await settle()
        nursery.start_soon(sup.stop, "a")
        puppet.cleanup = 2
        await child.wait()
        assert (child.state, trio.current_time()) == ("stopped", 2)
        await child.wait()  # it isn't running: at once


@pytest.mark.parametrize("strategy", ["one_for_all", "rest_for_one"])
async def test_a_child_that_is_started_while_its_group_restarts_runs_once(strategy: str) -> None:
    running = most = 0

    async def fail_once() -> None:
        if not fail.is_set():
            await fail.wait()
            raise Failure
        await trio.sleep_forever()

    async def up_later(*, task_status: trio.TaskStatus[None]) -> None:
        await trio.sleep(1)
        task_status.started()
        await trio.sleep_forever()

    async def counted() -> None:
        nonlocal running, most
        running += 1
        most = max(most, running)
        try:
            await trio.sleep_forever()
        finally:
            running -= 1

    fail = trio.Event()
    async with open_supervisor(strategy) as sup:  # type: ignore[arg-type]  # one of its words
        await sup.start(ChildSpec("fails", fail_once))
        async with trio.open_nursery() as nursery:
            nursery.start_soon(sup.start, ChildSpec("slow", up_later))
            await trio.sleep(0.5)
            fail.set()  # the restart waits until "slow" is up, and the next start behind it
            await settle()
            nursery.start_soon(sup.start, ChildSpec("late", counted))
        await trio.sleep(10)
        assert most == running == 1
        assert [child.state for child in sup.children()] == ["running"] * 3
