"""{permanent, transient, temporary} x {return, raise, cancelled, start fails, hangs at stop}."""

from __future__ import annotations

import logging

import pytest
import trio

from echosvc.errors import Canceled, NotFound, StartFailed
from echosvc.supervision import ChildSpec, open_supervisor
from tests.supervision.helpers import Failure, Puppet, Starter, settle, states, told, whats


async def test_permanent_child_that_returns_is_restarted() -> None:
    puppet = Puppet("a")
    async with open_supervisor() as sup:
        child = await sup.start(puppet.spec(restart="permanent"))
        await settle()
        puppet.finish()
        await settle()
        assert (puppet.runs, child.restarts, child.state) == (2, 1, "running")
        assert child.last_error is None


async def test_permanent_child_that_raises_is_restarted() -> None:
    puppet = Puppet("a")
    async with open_supervisor() as sup:
        child = await sup.start(puppet.spec(restart="permanent"))
        await settle()
        error = puppet.fail()
        await settle()
        assert (puppet.runs, child.restarts, child.state) == (2, 1, "running")
        assert child.last_error is error


async def test_permanent_child_that_is_cancelled_is_restarted() -> None:
    puppet = Puppet("a")
    async with open_supervisor() as sup:
        child = await sup.start(puppet.spec(restart="permanent"))
        await settle()
        child.cancel("enough")
        await settle()
        assert (puppet.runs, child.state) == (2, "running")
        assert isinstance(child.last_error, Canceled)


async def test_transient_child_that_returns_stays_exited() -> None:
    puppet = Puppet("a")
    async with open_supervisor() as sup:
        child = await sup.start(puppet.spec(restart="transient"))
        await settle()
        puppet.finish()
        await settle()
        assert (puppet.runs, child.state) == (1, "exited")
        assert states(sup) == {"a": "exited"}


async def test_transient_child_that_raises_is_restarted() -> None:
    puppet = Puppet("a")
    async with open_supervisor() as sup:
        child = await sup.start(puppet.spec(restart="transient"))
        await settle()
        puppet.fail()
        await settle()
        assert (puppet.runs, child.state) == (2, "running")


async def test_transient_child_that_is_cancelled_is_restarted() -> None:
    puppet = Puppet("a")
    async with open_supervisor() as sup:
        child = await sup.start(puppet.spec(restart="transient"))
        await settle()
        child.cancel()
        await settle()
        assert (puppet.runs, child.state) == (2, "running")


@pytest.mark.parametrize("how", ["return", "raise", "cancelled"])
async def test_temporary_child_is_forgotten_however_it_ends(how: str) -> None:
    puppet = Puppet("a")
    async with open_supervisor(max_restarts=0) as sup:
        child = await sup.start(puppet.spec(restart="temporary"))
        await settle()
        match how:
            case "return":
                puppet.finish()
            case "raise":
                puppet.fail()
            case "cancelled":
                child.cancel()
        await settle()
        assert puppet.runs == 1
        assert child.state == ("exited" if how == "return" else "failed")
        assert sup.children() == ()


@pytest.mark.parametrize("restart", ["permanent", "transient", "temporary"])
@pytest.mark.parametrize("plan", ["fail", "return"])
async def test_first_start_that_fails_is_raised_and_the_child_forgotten(
    restart: str, plan: str
) -> None:
    starter = Starter("a", plan)
    async with open_supervisor(max_restarts=0, name="tree") as sup:
        assert len(sup.events) == 0
        with pytest.raises(StartFailed) as caught:
            await sup.start(starter.spec(restart=restart))
        assert caught.value.target == "a"
        assert "child a of tree did not start" in str(caught.value)
        assert isinstance(caught.value.__cause__, Failure if plan == "fail" else Canceled)
        assert sup.children() == ()
        assert whats(told(sup)) == [("a", "failed", "")]
        await sup.start(starter.spec(restart=restart))  # the name is free again
        assert states(sup) == {"a": "running"}


@pytest.mark.parametrize("restart", ["permanent", "transient"])
async def test_restart_whose_start_fails_counts_and_is_tried_again(restart: str) -> None:
    starter = Starter("a", "up", "fail", "return", "up")
    async with open_supervisor(max_restarts=3) as sup:
        child = await sup.start(starter.spec(restart=restart))
        assert sup.events is not None
        await settle()
        starter.puppet.fail()
        await settle()
        assert (starter.starts, child.restarts, child.state) == (4, 3, "running")
        assert whats(told(sup)) == [
            ("a", "failed", "restart"),
            ("a", "failed", "restart"),
            ("a", "failed", "restart"),
            ("a", "started", ""),
        ]


@pytest.mark.parametrize("restart", ["permanent", "transient", "temporary"])
async def test_child_that_hangs_at_stop_is_named_and_waited_for(
    restart: str, caplog: pytest.LogCaptureFixture
) -> None:
    puppet = Puppet("a")
    puppet.cleanup = 10
    async with open_supervisor(name="tree") as sup:
        await sup.start(puppet.spec(restart=restart, stop_timeout="4s"))
        events = sup.events
        await settle()
        with caplog.at_level(logging.WARNING, "echosvc.supervision"):
            await sup.stop("a")
        assert trio.current_time() == 10
        kept = () if restart == "temporary" else ("stopped",)
        assert tuple(states(sup).values()) == kept
        found = told(sup)
        assert events is sup.events
    assert [(event.what, event.at) for event in found] == [
        ("stuck", 4),
        ("stuck", 8),
        ("stopped", 10),
    ]
    messages = {record.getMessage() for record in caplog.records}
    assert messages == {"child a of tree was stopped, and does not end"}
    lines = [record.__dict__["fields"] for record in caplog.records]
    assert lines == [
        {"supervisor": "tree", "child": "a", "waited": 4},
        {"supervisor": "tree", "child": "a", "waited": 8},
    ]


@pytest.mark.parametrize("restart", ["permanent", "transient"])
async def test_stopped_child_is_kept_and_can_be_restarted(restart: str) -> None:
    puppet = Puppet("a")
    async with open_supervisor(max_restarts=0) as sup:
        child = await sup.start(puppet.spec(restart=restart))
        await settle()
        await sup.stop("a")
        assert states(sup) == {"a": "stopped"}
        await sup.stop("a")  # again: nothing
        assert await sup.restart("a") is child
        await settle()
        assert (puppet.runs, child.state) == (2, "running")


async def test_stopped_temporary_child_is_forgotten() -> None:
    puppet = Puppet("a")
    async with open_supervisor() as sup:
        await sup.start(puppet.spec(restart="temporary"))
        await sup.stop("a")
        with pytest.raises(NotFound, match=r"no child 'a' \(children: none\)"):
            await sup.restart("a")


async def test_child_that_fails_while_it_is_being_stopped_is_not_restarted() -> None:
    async def stubborn() -> None:
        try:
            await trio.sleep_forever()
        finally:
            raise Failure("at cleanup")

    async with open_supervisor(max_restarts=0) as sup:
        await sup.start(ChildSpec("a", stubborn))
        assert sup.events is not None
        await settle()
        await sup.stop("a")
        assert states(sup) == {"a": "stopped"}
        (stopped,) = told(sup)
        assert stopped.what == "stopped"
        assert isinstance(stopped.error, Failure)


async def test_child_that_swallows_its_cancellation_has_returned() -> None:
    async def swallow() -> None:
        with trio.move_on_after(5):
            await trio.sleep_forever()

    async with open_supervisor() as sup:
        child = await sup.start(ChildSpec("a", swallow, restart="transient"))
        await settle()
        child.cancel()
        await settle()
        assert child.state == "failed" or child.restarts == 1
