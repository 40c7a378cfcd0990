"""What goes through a supervisor: Ctrl-C, cancellation, the block's own errors, and contexts."""

from __future__ import annotations

import contextvars
import signal

import pytest
import trio
import trio.testing

from echosvc.errors import GaveUp, StartFailed, Unavailable
from echosvc.supervision import ChildSpec, Supervisor, open_supervisor
from tests.supervision.helpers import Failure, Puppet, Starter, settle

request_id: contextvars.ContextVar[str] = contextvars.ContextVar("request_id", default="none")


async def test_error_of_the_block_leaves_it_bare_with_its_own_cause_and_context() -> None:
    cause, context, error = KeyError("cause"), IndexError("context"), ValueError("own")
    with pytest.raises(ValueError) as caught:
        async with open_supervisor() as sup:
            await sup.start(Puppet("a").spec())
            try:
                raise context
            except IndexError:
                raise error from cause
    assert caught.value is error
    assert error.__cause__ is cause
    assert error.__context__ is context


async def test_error_of_the_block_without_context_gets_none() -> None:
    with pytest.raises(ValueError) as caught:
        async with open_supervisor():
            raise ValueError("own")
    assert caught.value.__context__ is None


@pytest.mark.parametrize("strategy", ["one_for_one", "one_for_all"])
async def test_group_that_the_block_raises_stays_whole(strategy: str) -> None:
    own = ExceptionGroup("own", [ValueError("one of one")])
    with pytest.raises(ExceptionGroup) as caught:
        async with open_supervisor(strategy):
            raise own
    assert caught.value is own


async def test_too_many_restarts_leave_the_block_bare() -> None:
    puppet = Puppet("a")
    with pytest.raises(GaveUp) as caught:
        async with open_supervisor(max_restarts=0) as sup:
            await sup.start(puppet.spec())
            await settle()
            puppet.fail()
            await trio.sleep_forever()
    assert caught.value.__context__ is None
    assert isinstance(caught.value.__cause__, Failure)


@pytest.mark.parametrize("busy", ["start", "hanging start", "restart"])
async def test_giving_up_says_more_than_what_the_block_was_refused_because_of_it(
    busy: str,
) -> None:
    puppet, slow = Puppet("a"), Puppet("slow")
    slow.cleanup = 1
    with pytest.raises(GaveUp):
        async with open_supervisor(max_restarts=0) as sup:
            await sup.start(slow.spec())
            await sup.start(puppet.spec())
            await settle()
            puppet.fail()
            match busy:
                case "start":
                    await trio.sleep(0.5)
                    await sup.start(Puppet("b").spec())
                case "hanging start":
                    await sup.start(Starter("b", "hang").spec())
                case "restart":
                    await sup.restart("slow")
            raise AssertionError


async def test_error_of_the_block_and_giving_up_at_once_are_both_raised() -> None:
    puppet, slow = Puppet("a"), Puppet("slow")
    slow.cleanup = 1
    with pytest.RaisesGroup(ValueError, GaveUp):
        async with open_supervisor(max_restarts=0) as sup:
            await sup.start(slow.spec())
            await sup.start(puppet.spec())
            await settle()
            puppet.fail()
            await trio.sleep(0.5)
            raise ValueError("own")


async def test_cancellation_from_outside_stops_in_order_with_cleanup() -> None:
    journal: list[str] = []
    puppets = [Puppet(name, journal) for name in "abc"]
    for puppet in puppets:
        puppet.cleanup = 1
    with trio.move_on_after(10) as scope:
        async with open_supervisor(children=[puppet.spec() for puppet in puppets]):
            await trio.sleep_forever()
    assert scope.cancelled_caught
    assert journal == ["+a", "+b", "+c", "-c", "-b", "-a"]
    assert trio.current_time() == 13


async def test_cancellation_from_outside_goes_through_bare() -> None:
    seen: list[BaseException] = []
    with trio.move_on_after(1):
        try:
            async with open_supervisor(children=[Puppet("a").spec()]):
                await trio.sleep_forever()
        except BaseException as exc:
            seen.append(exc)
            raise
    assert [type(exc) for exc in seen] == [trio.Cancelled]


async def test_cancellation_from_outside_during_the_start_of_the_children() -> None:
    journal: list[str] = []
    specs = [Puppet("a", journal).spec(), Starter("b", "hang", journal=journal).spec()]
    with trio.move_on_after(1) as scope:
        async with open_supervisor(children=specs):
            raise AssertionError
    assert scope.cancelled_caught
    assert journal == ["+a", "?b", "-a"]


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit])
async def test_ctrl_c_in_a_child_gets_through_bare_after_an_ordered_stop(
    error: type[BaseException],
) -> None:
    journal: list[str] = []
    puppets = [Puppet(name, journal) for name in "abc"]
    with pytest.raises(error):
        async with open_supervisor(children=[puppet.spec() for puppet in puppets]):
            await settle()
            puppets[1].fail(error())
            await trio.sleep_forever()
    assert journal == ["+a", "+b", "+c", "-b", "-c", "-a"]
    assert [puppet.runs for puppet in puppets] == [1, 1, 1]


async def test_ctrl_c_in_a_nursery_of_a_child_gets_through_too() -> None:
    async def inner() -> None:
        raise KeyboardInterrupt

    async def child() -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(inner)

    with pytest.raises(KeyboardInterrupt):
        async with open_supervisor(max_restarts=None) as sup:
            await sup.start(ChildSpec("a", child))
            await trio.sleep_forever()


def test_real_ctrl_c_ends_a_program_of_nothing_but_crashing_children() -> None:
    async def crash() -> None:
        await trio.lowlevel.checkpoint()
        raise Failure

    async def main() -> None:
        async with open_supervisor(max_restarts=None) as sup:
            await sup.start(ChildSpec("a", crash))
            await trio.sleep(0.01)
            signal.raise_signal(signal.SIGINT)
            await trio.sleep_forever()

    with pytest.raises(KeyboardInterrupt):
        trio.run(main)


async def test_restarted_child_has_the_context_of_who_opened_the_supervisor() -> None:
    seen: list[str] = []

    async def child() -> None:
        seen.append(request_id.get())
        request_id.set("left behind")
        await trio.sleep_forever()

    request_id.set("opener")
    async with open_supervisor("one_for_all") as sup:
        request_id.set("somebody's request")
        handle = await sup.start(ChildSpec("a", child))
        await settle()
        handle.cancel()
        await settle()
        await sup.restart("a")
        await settle()
    assert seen == ["opener", "opener", "opener"]


async def test_supervisor_can_be_handed_to_other_tasks() -> None:
    async def worker(sup: Supervisor, number: int) -> None:
        await sup.start(Puppet(f"{number}").spec())

    async with open_supervisor() as sup:
        async with trio.open_nursery() as nursery:
            for number in range(20):
                nursery.start_soon(worker, sup, number)
        assert len(sup.children()) == 20


async def test_nested_supervisor_that_gives_up_is_a_failure_of_the_child() -> None:
    puppet = Puppet("leaf")

    async def inner() -> None:
        async with open_supervisor(max_restarts=1, name="inner") as sup:
            await sup.start(puppet.spec())
            await trio.sleep_forever()

    async with open_supervisor(max_restarts=1, name="outer") as outer:
        child = await outer.start(ChildSpec("inner", inner))
        await settle()
        for _ in range(2):
            puppet.fail()
            await settle()
        assert (child.restarts, puppet.runs) == (1, 3)
        assert isinstance(child.last_error, GaveUp)


async def test_what_gives_up_inside_gives_up_outside_in_the_end() -> None:
    async def leaf() -> None:
        raise Failure("leaf")

    async def inner() -> None:
        async with open_supervisor(max_restarts=2, name="inner") as sup:
            await sup.start(ChildSpec("leaf", leaf))
            await trio.sleep_forever()

    with pytest.raises(GaveUp, match="outer gave up") as caught:
        async with open_supervisor(max_restarts=2, name="outer") as outer:
            await outer.start(ChildSpec("inner", inner))
            await trio.sleep_forever()
    assert len(caught.value.causes) == 3
    inner_error = caught.value.__cause__
    assert isinstance(inner_error, GaveUp)
    assert isinstance(inner_error.__cause__, Failure)


async def test_nested_supervisors_stop_in_order_from_within() -> None:
    journal: list[str] = []

    async def inner(*, task_status: trio.TaskStatus[None]) -> None:
        children = [Puppet(name, journal).spec() for name in "bc"]
        async with open_supervisor(children=children, name="inner"):
            task_status.started()
            await trio.sleep_forever()

    specs = [Puppet("a", journal).spec(), ChildSpec("in", inner), Puppet("d", journal).spec()]
    async with open_supervisor(children=specs):
        await settle()
    assert journal == ["+a", "+b", "+c", "+d", "-d", "-c", "-b", "-a"]


async def test_refusals_while_it_is_stopping_say_so() -> None:
    seen: list[str] = []
    async with open_supervisor(name="tree") as sup:

        async def late() -> None:
            try:
                await trio.sleep_forever()
            finally:
                with trio.CancelScope(shield=True):
                    try:
                        await sup.restart("a")
                    except Unavailable as exc:
                        seen.append(str(exc))

        await sup.start(Puppet("a").spec())
        await sup.start(ChildSpec("b", late))
        await settle()
    assert seen == ["tree is stopping; it starts nothing any more"]


async def test_start_failed_of_the_block_leaves_it_bare() -> None:
    with pytest.raises(StartFailed):
        async with open_supervisor() as sup:
            await sup.start(Starter("a", "fail").spec())
