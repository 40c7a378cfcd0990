"""Receiving: the inbox, listened topics, events, and room for more."""

from __future__ import annotations

from typing import Any

import pytest
import trio

from echosvc import Message, Runtime, channel, coroutine, open_runtime, process
from echosvc._runtime.mailbox import Mailbox, MailboxChannel
from echosvc.errors import Invalid, MailboxFull, NameNotFound, ProcessNotFound
from tests.runtime.helpers import HOST, as_process, drain, forever, give, settle, topics


async def test_the_same_channel_comes_back_each_time(runtime: Runtime) -> None:
    async def main() -> None:
        assert process.inbox() is process.inbox()
        assert process.events() is process.events()
        assert process.listen("a") is process.listen("a")
        assert process.listen("a") is not process.listen("b")

    await as_process(runtime, main)


async def test_a_listened_topic_does_not_go_to_the_inbox(runtime: Runtime) -> None:
    async def main() -> None:
        me = process.pid()
        listened = process.listen("a")
        process.send(me, "a", 1)
        process.send(me, "b", 2)
        assert topics(drain(process.inbox())) == ["b"]
        assert drain(listened) == [1]

    await as_process(runtime, main)


async def test_what_came_before_anybody_listened_comes_over(runtime: Runtime) -> None:
    async def main() -> None:
        me = process.pid()
        for n, topic in enumerate("abab"):
            process.send(me, topic, n)
        assert drain(process.listen("a")) == [0, 2]
        assert [message.data for message in drain(process.inbox())] == [1, 3]

    await as_process(runtime, main)


async def test_a_listener_yields_whole_messages_if_asked(runtime: Runtime) -> None:
    async def main() -> None:
        listened = process.listen("a", message=True)
        process.send(process.pid(), "a", 1)
        message = await listened.receive()
        assert isinstance(message, Message)
        assert (message.topic, message.data) == ("a", 1)
        with pytest.raises(Invalid, match="already listened to with message=True"):
            process.listen("a")

    await as_process(runtime, main)


async def test_unlisten_gives_what_is_left_back_to_the_inbox_in_its_order(
    runtime: Runtime,
) -> None:
    async def main() -> None:
        me = process.pid()
        listened = process.listen("a")
        for n, topic in enumerate("abab"):
            process.send(me, topic, n)
        process.unlisten(listened)
        process.send(me, "a", 4)
        assert [message.data for message in drain(process.inbox())] == [0, 1, 2, 3, 4]
        with pytest.raises(trio.EndOfChannel):
            await listened.receive()
        with pytest.raises(Invalid, match=r"not a channel of listen\(\)"):
            process.unlisten(listened)
        assert process.listen("a") is not listened

    await as_process(runtime, main)


async def test_unlisten_serves_who_waits_at_the_inbox(runtime: Runtime) -> None:
    async def main() -> list[Any]:
        got = []

        async def reader() -> None:
            got.extend([(await process.inbox().receive()).data for _ in range(3)])

        listened = process.listen("a")
        reading = coroutine.spawn(reader)
        await settle()
        for n in range(3):
            process.send(process.pid(), "a", n)
        process.unlisten(listened)
        await reading.result()
        return got

    assert await as_process(runtime, main) == [0, 1, 2]


async def test_a_reserved_topic_cannot_be_listened_to(runtime: Runtime) -> None:
    async def main() -> None:
        with pytest.raises(Invalid):
            process.listen("@a")

    await as_process(runtime, main)


async def test_select_takes_the_oldest_of_inbox_topics_and_events_first(runtime: Runtime) -> None:
    async def main() -> list[Any]:
        me = process.pid()
        inbox, listened, events = process.inbox(), process.listen("a"), process.events()
        process.send(me, "a", 0)
        process.send(me, "b", 1)
        process.monitor("{gone|0x00001}")
        process.send(me, "a", 3)
        process.send(me, "b", 4)
        got = [(await channel.select(events, inbox, listened)).value for _ in range(5)]
        return [g if isinstance(g, int) else getattr(g, "data", "EXIT") for g in got]

    assert await as_process(runtime, main) == [0, 1, "EXIT", 3, 4]


async def test_a_cancel_is_older_than_every_backlog(runtime: Runtime) -> None:
    async def main() -> list[str]:
        me = process.pid()
        for n in range(3):
            process.send(me, f"m{n}")
        process.monitor("{gone|0x00001}")
        process.cancel(me, "first")
        runtime.cancel(me, "second")
        got = [(await channel.select(process.inbox(), process.events())).value for _ in range(6)]
        return [getattr(g, "reason", "") or getattr(g, "topic", "EXIT") for g in got]

    assert await as_process(runtime, main) == ["first", "second", "m0", "m1", "m2", "EXIT"]


async def test_only_the_runtime_fills_and_closes_an_inbox(runtime: Runtime) -> None:
    async def main() -> None:
        inbox = process.inbox()
        with pytest.raises(Invalid, match=r"use process\.send"):
            inbox.send_nowait(1)  # type: ignore[arg-type]  # that is the point
        with pytest.raises(Invalid, match="closes with it"):
            inbox.close()

    await as_process(runtime, main)


async def test_the_channels_close_with_their_process(runtime: Runtime) -> None:
    kept: list[Any] = []

    async def main() -> None:
        kept.extend([process.inbox(), process.events(), process.listen("a")])

    await as_process(runtime, main)
    for ended in kept:
        with pytest.raises(trio.EndOfChannel):
            await ended.receive()


# -- deliver: sending that waits for room


async def test_deliver_waits_for_room_and_keeps_the_order_of_those_who_wait(
    runtime: Runtime,
) -> None:
    await runtime.start_host("app:small", mailbox=2)
    done: list[int] = []

    async def receiver() -> list[int]:
        await trio.sleep(10)
        return [(await process.inbox().receive()).data for _ in range(6)]

    async def sender(to: str, n: int) -> None:
        await process.deliver(to, "n", n)
        done.append(n)

    async with runtime.attach():
        to = process.spawn_monitored(receiver, "app:small")
        for n in range(6):
            process.spawn(sender, HOST, to, n)
            await trio.sleep(0.1)
        assert done == [0, 1]
        event = await process.events().receive()
        assert event.result.value == [0, 1, 2, 3, 4, 5]
        await settle()
        assert sorted(done) == [0, 1, 2, 3, 4, 5]


async def test_a_send_does_not_overtake_those_who_wait_for_room(runtime: Runtime) -> None:
    await runtime.start_host("app:small", mailbox=1)

    async def receiver() -> list[str]:
        got = []
        for _ in range(3):
            await trio.sleep(1)
            got.append((await process.inbox().receive()).topic)
        return got

    async with runtime.attach():
        to = process.spawn_monitored(receiver, "app:small")

        async def waiting() -> None:
            await process.deliver(to, "first")
            await process.deliver(to, "waited")
            await process.deliver(to, "waited too")

        process.spawn(waiting, HOST)
        refused = 0
        with trio.move_on_after(2.5):
            while True:
                await trio.sleep(0.1)
                try:
                    process.send(to, "racing")
                except MailboxFull:
                    refused += 1
        assert refused > 20
        event = await process.events().receive()
        assert event.result.value == ["first", "waited", "waited too"]


async def test_deliver_cancelled_while_it_waits_has_sent_nothing(runtime: Runtime) -> None:
    await runtime.start_host("app:small", mailbox=1)
    other = runtime.spawn(forever, "app:small")
    async with runtime.attach():
        await process.deliver(other, "fills it")
        with trio.move_on_after(1) as scope:
            await process.deliver(other, "never sent")
        assert scope.cancelled_caught
        assert runtime.info(other).mailbox == 1
        assert runtime.info(other).messages_in == 1


async def test_deliver_cancelled_in_the_tick_in_which_room_came_has_sent_it(
    runtime: Runtime,
) -> None:
    await runtime.start_host("app:small", mailbox=1)
    got: list[str] = []

    async def receiver() -> None:
        await trio.sleep(1)
        got.append(process.inbox().receive_nowait().topic)
        scope.cancel()  # the sender has been let in, and has not run yet
        await trio.sleep(1)
        got.extend(topics(drain(process.inbox())))

    async with runtime.attach():
        other = process.spawn(receiver, "app:small")
        process.send(other, "first")
        with trio.CancelScope() as scope:
            await process.deliver(other, "second")
        assert not scope.cancelled_caught
        await trio.sleep(5)
    assert got == ["first", "second"]


async def test_deliver_to_a_process_that_ends_meanwhile_is_process_not_found(
    runtime: Runtime,
) -> None:
    await runtime.start_host("app:small", mailbox=1)

    async def ends() -> None:
        await trio.sleep(1)

    async with runtime.attach():
        other = process.spawn(ends, "app:small")
        await process.deliver(other, "first")
        with pytest.raises(ProcessNotFound) as info:
            await process.deliver(other, "second", 2)
        assert (info.value.pid, info.value.topic) == (other, "second")
        assert isinstance(info.value.undelivered, Message)
        assert info.value.undelivered.data == 2


async def test_deliver_to_a_name_that_nobody_has_is_name_not_found(runtime: Runtime) -> None:
    async with runtime.attach():
        with pytest.raises(NameNotFound):
            await process.deliver("nobody", "t")


async def test_deliver_to_ones_own_full_mailbox_does_not_wait_for_itself(runtime: Runtime) -> None:
    await runtime.start_host("app:small", mailbox=1)

    async def main() -> None:
        await process.deliver(process.pid(), "t")
        with pytest.raises(MailboxFull):
            await process.deliver(process.pid(), "t")

    await runtime.run(main, "app:small")


async def test_a_topic_that_fills_the_mailbox_does_not_keep_another_from_its_listener(
    runtime: Runtime,
) -> None:
    await runtime.start_host("app:small", mailbox=2)

    async def receiver() -> list[str]:
        process.listen("noise")
        await trio.sleep(1)
        return [(await process.inbox().receive()).topic for _ in range(2)]

    async with runtime.attach():
        other = process.spawn_monitored(receiver, "app:small")
        await settle()
        process.send(other, "noise")
        process.send(other, "noise")
        await process.deliver(other, "waited")
        await process.deliver(other, "handed over")
        event = await process.events().receive()
    assert event.result.value == ["waited", "handed over"]


async def test_who_waits_for_room_goes_where_the_topic_is_listened_to_by_then(
    runtime: Runtime,
) -> None:
    """Also when that changes while they wait; and their order stays."""
    await runtime.start_host("app:small", mailbox=1)

    async def sender(to: str, topic: str, n: int) -> None:
        await process.deliver(to, topic, n)

    async def receiver() -> list[list[Any]]:
        await trio.sleep(1)
        inbox, waiting = process.inbox(), []

        def look(channel: Any) -> None:
            waiting.append(channel.statistics().waiting_senders)

        look(inbox)
        listened = process.listen("a", message=True)
        for source in (inbox, listened):
            look(source)
        got = [listened.receive_nowait(), listened.receive_nowait()]
        process.unlisten(listened)
        look(inbox)
        while len(inbox):
            got.append(await inbox.receive())
        return [waiting, [message.data for message in got]]

    async with runtime.attach():
        to = process.spawn_monitored(receiver, "app:small")
        process.send(to, "fills it", 0)
        for n, topic in enumerate("abaabba", start=1):
            process.spawn(sender, HOST, to, topic, n)
            await settle()
        event = await process.events().receive()
    assert event.result.value == [[7, 3, 4, 5], [1, 3, 0, 2, 4, 5, 6, 7]]


async def test_who_waits_for_room_costs_nothing_where_nobody_of_them_is_wanted(
    runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked = 0
    channel_of = Mailbox.channel_of

    def counting(mailbox: Mailbox, topic: str) -> MailboxChannel:
        nonlocal looked
        looked += 1
        return channel_of(mailbox, topic)

    await runtime.start_host("app:small", mailbox=1)

    async def receiver() -> None:
        quiet = process.listen("quiet")
        await trio.sleep(1)
        monkeypatch.setattr(Mailbox, "channel_of", counting)
        for _ in range(100):
            with pytest.raises(trio.WouldBlock):
                quiet.receive_nowait()
        assert looked == 0
        for n in range(300):
            assert (await process.inbox().receive()).data == n
        assert looked <= 2 * 300

    async with runtime.attach():
        to = process.spawn_monitored(receiver, "app:small")
        for n in range(300):
            coroutine.spawn(process.deliver, to, "loud", n)
            await settle()
        event = await process.events().receive()
    assert event.result.error is None


async def test_a_mailbox_that_was_half_empty_takes_no_more_than_before(runtime: Runtime) -> None:
    await runtime.start_host("app:small", mailbox=8)
    news = runtime.events("mailbox")

    async def receiver() -> None:
        await trio.sleep(1)
        for _ in range(4):
            process.inbox().receive_nowait()
        await forever()

    pid = runtime.spawn(receiver, "app:small")
    for already, seconds in ((0, 2), (4, 0)):
        for _ in range(8 - already):
            runtime.send(pid, "t")
        with pytest.raises(MailboxFull):
            runtime.send(pid, "t")
        await trio.sleep(seconds)
    told = [event.data["waiting"] for event in drain(news)]
    assert (told, runtime.info(pid).mailbox) == ([6, 6], 8)


async def test_deliver_is_a_checkpoint_when_there_is_room(runtime: Runtime) -> None:
    async with runtime.attach():
        other = process.spawn(give, HOST, 1)
        with trio.testing.assert_checkpoints():
            await process.deliver(other, "t")


async def test_the_mailboxs_limit_is_the_programs_before_it_is_the_hosts(runtime: Runtime) -> None:
    from echosvc._runtime.program import Program

    for limit, expected in ((3, 3), (0, 0), (None, 65_536)):
        program = Program("app:entry", forever, mailbox=limit)
        started = runtime.start_process(program, HOST, ())
        assert runtime.info(started.pid).mailbox_limit == expected


async def test_two_opens_of_one_topic_by_two_runtimes_are_two_channels() -> None:
    async with open_runtime() as one, open_runtime() as two, one.attach():
        first = process.listen("a")
        async with two.attach():
            assert process.listen("a") is not first
        assert process.listen("a") is first
