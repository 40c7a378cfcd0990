"""News of what happens, for those who listen."""

from __future__ import annotations

from typing import Any

import pytest
import trio

from echosvc import Runtime, open_runtime, process
from echosvc._runtime.bus import Bus
from echosvc.errors import Invalid
from tests.runtime.helpers import HOST, Failure, drain, fail, forever, give, settle


async def test_started_and_ended_are_told_with_why_and_how_long(runtime: Runtime) -> None:
    async def lives() -> None:
        await trio.sleep(3)
        raise Failure

    news = runtime.events("process")
    async with runtime.attach() as me:
        pid = process.spawn(lives, HOST)
        await trio.sleep(5)
    mine = [event for event in drain(news) if event.path == pid]
    assert [(event.kind, event.at) for event in mine] == [
        ("started", began(5)),
        ("ended", began(2)),
    ]
    assert mine[0].data == {"entry": entry(lives), "parent": me}
    assert mine[1].data["entry"] == entry(lives)
    assert isinstance(mine[1].data["error"], Failure)
    assert mine[1].data["lived"] == 3.0


def began(ago: float) -> float:
    return trio.current_time() - ago


def entry(fn: Any) -> str:
    return f"{fn.__module__}.{fn.__qualname__}"


async def test_a_dead_letter_tells_to_whom_what_and_why(runtime: Runtime) -> None:
    news = runtime.events("process", "dead_letter")
    pid = runtime.spawn(forever, HOST)
    async with runtime.attach() as me:
        process.send(pid, "topic")
    runtime.terminate(pid)
    await settle()
    (letter,) = drain(news)
    assert (letter.path, letter.data["sender"], letter.data["topic"]) == (pid, me, "topic")
    assert letter.data["why"] == "the process ended before it received this"


async def test_a_broken_link_is_told_trapped_or_not(runtime: Runtime) -> None:
    async def trapper() -> None:
        process.set_options(trap_links=True)
        process.spawn_linked(fail)
        await settle()

    async def other() -> None:
        process.spawn_linked(fail)
        await forever()

    news = runtime.events("process", "link_down")
    for main in (trapper, other):
        runtime.spawn(main, HOST)
        await settle()
    first, second = drain(news)
    assert (first.data["trapped"], second.data["trapped"]) == (True, False)
    assert isinstance(first.data["error"], Failure)
    assert first.data["peer"] != first.path


async def test_a_mailbox_over_three_quarters_full_is_told_of_once(runtime: Runtime) -> None:
    await runtime.start_host("app:small", mailbox=8)

    async def reader() -> None:
        while True:
            await trio.sleep(10)
            for _ in range(6):
                process.inbox().receive_nowait()

    pid = runtime.spawn(reader, "app:small")
    news = runtime.events("mailbox")  # listening began after the process was started
    for _ in range(8):
        runtime.send(pid, "t")
    (event,) = drain(news)
    assert (event.kind, event.path) == ("filling", pid)
    assert event.data == {"waiting": 6, "limit": 8}
    await trio.sleep(11)  # two are left, so it has been half empty
    for _ in range(6):
        runtime.send(pid, "t")
    assert len(drain(news)) == 1


async def test_going_to_and_fro_over_three_quarters_is_no_news(runtime: Runtime) -> None:
    await runtime.start_host("app:small", mailbox=8)

    async def reader() -> None:
        async for _ in process.inbox():
            await trio.sleep(1)

    pid = runtime.spawn(reader, "app:small")
    news = runtime.events("mailbox")
    await settle()
    for _ in range(7):
        runtime.send(pid, "t")
    for _ in range(20):
        await trio.sleep(1)
        runtime.send(pid, "t")
    assert len(drain(news)) == 1


async def test_hosts_and_the_runtime_tell_of_themselves() -> None:
    async with open_runtime() as runtime:
        news = runtime.events()
        await runtime.start_host("app:h")
        await runtime.stop_host("app:h")
        await runtime.stop("enough")
        told = [(event.system, event.kind, event.path) for event in drain(news)]
        assert told == [
            ("host", "started", "app:h"),
            ("host", "stopped", "app:h"),
            ("runtime", "stopping", ""),
            ("runtime", "stopped", ""),
        ]
        with pytest.raises(trio.EndOfChannel):
            await news.receive()
        with pytest.raises(trio.EndOfChannel):
            await runtime.events().receive()


async def test_globs_choose_what_is_heard(runtime: Runtime) -> None:
    some = runtime.events("p*", "e*")
    none = runtime.events("service")
    await runtime.run(give, HOST)
    assert [event.kind for event in drain(some)] == ["ended"]
    assert drain(none) == []


async def test_a_full_subscription_counts_what_it_left_out(runtime: Runtime) -> None:
    news = runtime.events("process", "ended", size=2)
    for _ in range(5):
        await runtime.run(give, HOST)
    kinds = [(event.system, event.kind) for event in drain(news)]
    assert kinds == [("process", "ended")] * 2 + [("bus", "gap")]
    await runtime.run(give, HOST)
    assert [event.kind for event in drain(news)] == ["ended"]


async def test_a_gap_says_how_much_is_missing(runtime: Runtime) -> None:
    news = runtime.events("process", "ended", size=2)
    for _ in range(5):
        await runtime.run(give, HOST)
    assert drain(news)[-1].data == {"missed": 3}


async def test_a_subscription_keeps_one_event_at_least(runtime: Runtime) -> None:
    """With none kept, news would be lost and no gap told of."""
    with pytest.raises(Invalid, match="size: expected int >= 1, got 0"):
        runtime.events(size=0)
    with pytest.raises(Invalid, match="size"):
        runtime.events(size="many")  # type: ignore[arg-type]  # that is the point
    assert not runtime.bus.listening
    news = runtime.events("process", "ended", size=1)
    for _ in range(3):
        await runtime.run(give, HOST)
    assert [event.data.get("missed") for event in drain(news)] == [None, 2]


async def test_what_one_subscriber_does_to_an_event_no_other_sees(runtime: Runtime) -> None:
    one, other = runtime.events("process", "ended"), runtime.events("process", "ended")
    await runtime.run(give, HOST)
    one.receive_nowait().data["error"] = "changed"
    assert other.receive_nowait().data["error"] is None


async def test_a_closed_subscription_hears_nothing_more(runtime: Runtime) -> None:
    news = runtime.events()
    news.close()
    assert not runtime.bus.listening
    await runtime.run(give, HOST)
    assert drain(news) == []


async def test_nothing_is_computed_when_nobody_listens(
    runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    def emit(*args: Any, **data: Any) -> None:
        raise AssertionError(f"computed for nobody: {args}")

    await runtime.start_host("app:small", mailbox=2)
    monkeypatch.setattr(Bus, "emit", emit)
    pid = runtime.spawn(forever, "app:small")
    for _ in range(2):
        runtime.send(pid, "t")
    async with runtime.attach():
        process.set_options(trap_links=True)
        process.link(pid)
        process.terminate(pid)
        assert (await process.events().receive()).kind is process.event.LINK_DOWN
    monkeypatch.undo()
    assert runtime.statistics().dead_letters == 2
