"""Sending: what arrives, in which order, and what is refused."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Callable
from typing import Any

import pytest
import trio

from echosvc import Message, Runtime, process
from echosvc.errors import Invalid, MailboxFull, NameNotFound, ProcessNotFound, Unavailable
from tests.runtime.helpers import HOST, as_process, drain, forever, give, settle, topics


async def test_send_never_checkpoints(runtime: Runtime) -> None:
    async def main() -> None:
        other = process.spawn(forever)
        with trio.testing.assert_no_checkpoints():
            process.send(other, "a")

    await as_process(runtime, main)


async def test_messages_keep_their_order(runtime: Runtime) -> None:
    async def main() -> list[int]:
        me = process.pid()

        async def sender() -> None:
            for n in range(1000):
                process.send(me, "n", n)

        process.spawn(sender)
        return [(await process.inbox().receive()).data for _ in range(1000)]

    assert await as_process(runtime, main) == list(range(1000))


class Job:
    """What passes by reference, and may come to hold the message that it came in."""

    message: Message


@pytest.mark.parametrize(
    "wrap",
    [
        pytest.param(lambda job: job, id="itself"),
        pytest.param(lambda job: {"job": job}, id="dict"),
        pytest.param(lambda job: {job: "job"}, id="key"),
        pytest.param(lambda job: [1, job], id="list"),
    ],
)
async def test_a_message_that_its_data_leads_back_to_is_collected(
    runtime: Runtime, wrap: Callable[[Job], object]
) -> None:
    async def main() -> weakref.ref[Job]:
        job = Job()
        process.send(process.pid(), "job", wrap(job))
        job.message = await process.inbox().receive()
        return weakref.ref(job)

    gone = await as_process(runtime, main)
    gc.collect()
    assert gone() is None


@pytest.mark.parametrize(
    ("payload", "looked_at"),
    [((), False), (("text",), False), (({"n": 1},), False), (({"n": []},), True), ((1, 2), True)],
)
async def test_the_garbage_collector_looks_only_at_messages_that_could_be_in_a_circle(
    runtime: Runtime, payload: tuple[object, ...], looked_at: bool
) -> None:
    async def main() -> None:
        process.send(process.pid(), "t", *payload)
        message = await process.inbox().receive()
        assert isinstance(message, Message)
        assert repr(message).startswith("<Message 't' from {")
        assert gc.is_tracked(message) is looked_at

    await as_process(runtime, main)


async def test_what_a_child_sent_comes_before_its_exit_in_select(runtime: Runtime) -> None:
    async def main() -> list[str]:
        me = process.pid()

        async def child() -> None:
            for n in range(3):
                process.send(me, f"m{n}")

        child_pid = process.spawn_monitored(child)
        await trio.sleep(1)
        process.send(me, "after")
        got = []
        from echosvc import channel

        for _ in range(5):
            got.append((await channel.select(process.events(), process.inbox())).value)
        assert got[3].sender == child_pid
        return [x.topic if isinstance(x, Message) else x.kind.name for x in got]

    assert await as_process(runtime, main) == ["m0", "m1", "m2", "EXIT", "after"]


async def test_a_message_says_its_topic_its_sender_and_its_data(runtime: Runtime) -> None:
    async def main() -> tuple[Any, ...]:
        process.send(process.pid(), "greeting", "hello")
        message = await process.inbox().receive()
        return message.topic, message.sender == process.pid(), message.data, message.is_call

    assert await as_process(runtime, main) == ("greeting", True, "hello", False)


async def test_no_payload_is_none_one_is_itself_several_are_a_tuple(runtime: Runtime) -> None:
    async def main() -> list[Any]:
        me = process.pid()
        process.send(me, "t")
        process.send(me, "t", [1])
        process.send(me, "t", 1, [2], None)
        return [message.data for message in drain(process.inbox())]

    assert await as_process(runtime, main) == [None, [1], (1, [2], None)]


async def test_a_name_is_as_good_as_a_pid(runtime: Runtime) -> None:
    async def main() -> list[str]:
        process.registry.register("me")
        process.send("me", "by name")
        return topics(drain(process.inbox()))

    assert await as_process(runtime, main) == ["by name"]


async def test_a_reserved_topic_is_refused_before_the_destination_is_looked_at(
    runtime: Runtime,
) -> None:
    async def main() -> None:
        for dest in ("nobody", "{gone|0x00001}", process.pid()):
            with pytest.raises(Invalid, match="'@cancel'"):
                process.send(dest, "@cancel")
        with pytest.raises(Invalid, match="a topic is a str"):
            process.send(process.pid(), 7)  # type: ignore[arg-type]  # that is the point

    await as_process(runtime, main)


async def test_an_unknown_name_is_name_not_found_and_carries_the_message(runtime: Runtime) -> None:
    async def main() -> None:
        with pytest.raises(NameNotFound) as info:
            process.send("nobody", "topic", {"a": 1})
        assert (info.value.name, info.value.topic) == ("nobody", "topic")
        assert isinstance(info.value.undelivered, Message)
        assert info.value.undelivered.data == {"a": 1}
        assert info.value.undelivered.sender == process.pid()

    await as_process(runtime, main)


async def test_an_ended_pid_is_process_not_found_and_carries_the_message(runtime: Runtime) -> None:
    async def main() -> None:
        child = process.spawn(give)
        await settle()
        for dest in (child, "{never|0x00001}"):
            with pytest.raises(ProcessNotFound) as info:
                process.send(dest, "topic", 1, 2)
            assert (info.value.pid, info.value.topic) == (dest, "topic")
            assert isinstance(info.value.undelivered, Message)
            assert info.value.undelivered.data == (1, 2)

    await as_process(runtime, main)


@pytest.mark.parametrize("dest", [None, 7, "", ["a"], b"x"])
async def test_what_is_no_address_is_invalid(runtime: Runtime, dest: Any) -> None:
    async def main() -> None:
        with pytest.raises(Invalid, match="not a PID or a name"):
            process.send(dest, "topic")

    await as_process(runtime, main)


async def test_a_full_mailbox_refuses_and_gives_the_message_back() -> None:
    from echosvc import open_runtime

    async with open_runtime() as runtime:
        await runtime.start_host("app:small", mailbox=2)
        other = runtime.spawn(forever, "app:small")
        runtime.send(other, "t", 1)
        runtime.send(other, "t", 2)
        with pytest.raises(MailboxFull) as info:
            runtime.send(other, "t", [3])
        assert (info.value.pid, info.value.topic, info.value.retryable) == (other, "t", True)
        assert isinstance(info.value.undelivered, Message)
        assert info.value.undelivered.data == [3]
        assert runtime.info(other).mailbox == 2


async def test_a_mailbox_holds_65536_messages_by_default(runtime: Runtime) -> None:
    other = runtime.spawn(forever, HOST)
    assert runtime.info(other).mailbox_limit == 65_536


async def test_a_mailbox_of_0_is_unbounded(runtime: Runtime) -> None:
    await runtime.start_host("app:big", mailbox=0)
    other = runtime.spawn(forever, "app:big")
    for n in range(70_000):
        runtime.send(other, "t", n)
    assert runtime.info(other).mailbox == 70_000


async def test_a_message_from_outside_has_no_sender(runtime: Runtime) -> None:
    async def main() -> Any:
        return (await process.inbox().receive()).sender

    async with trio.open_nursery() as nursery:

        async def run() -> None:
            assert await as_process(runtime, main) is None

        nursery.start_soon(run)
        await settle()
        runtime.send(runtime.list()[-1], "hello")


async def test_outside_a_process_everything_says_how_to_get_one() -> None:
    calls: list[Any] = [
        process.pid,
        process.inbox,
        process.events,
        process.list,
        process.info,
        process.get_options,
        process.ready,
        lambda: process.send("a", "b"),
        lambda: process.spawn(give),
        lambda: process.listen("a"),
        lambda: process.monitor("a"),
        lambda: process.registry.lookup("a"),
    ]
    for call in calls:
        with pytest.raises(Unavailable, match=r"runtime\.attach"):
            call()
    for wait in (process.call("a", "b"), process.deliver("a", "b"), process.exec(give)):
        with pytest.raises(Unavailable, match=r"runtime\.attach"):
            await wait


async def test_a_flood_of_messages_does_not_block_events() -> None:
    from echosvc import open_runtime

    async with open_runtime() as runtime:
        await runtime.start_host("app:small", mailbox=1)

        async def main() -> list[str]:
            process.send(process.pid(), "fills it")
            process.spawn_monitored(give)
            process.cancel(process.pid(), "please")
            await settle()
            return [event.kind.name for event in drain(process.events())]

        assert await runtime.run(main, "app:small") == ["CANCEL", "EXIT"]


async def test_two_runtimes_do_not_see_each_other(runtime: Runtime) -> None:
    from echosvc import open_runtime

    async with open_runtime() as other:
        await other.start_host(HOST)
        mine = runtime.spawn(forever, HOST)
        async with other.attach(name="somebody"):
            process.registry.register("else")
        assert runtime.list() == (mine,)
        assert other.list() == ()
        with pytest.raises(NameNotFound):
            runtime.send("else", "t")
