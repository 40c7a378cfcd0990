"""Questions and their answers."""

from __future__ import annotations

import math
from typing import Any

import pytest
import trio

from echosvc import Message, Runtime, coroutine, open_runtime, process
from echosvc.errors import (
    CallTimeout,
    Invalid,
    MailboxFull,
    NameNotFound,
    ProcessNotFound,
)
from tests.runtime.helpers import HOST, Failure, as_process, drain, forever, give, settle


async def doubler() -> None:
    async for message in process.inbox():
        message.reply(message.data * 2)


async def late(seconds: float) -> None:
    async for message in process.inbox():
        await trio.sleep(seconds)
        message.reply("late")


async def test_call_gives_the_answer(runtime: Runtime) -> None:
    async def main() -> Any:
        other = process.spawn(doubler)
        return [await process.call(other, "double", n) for n in (1, [2], "x")]

    assert await as_process(runtime, main) == [2, [2, 2], "xx"]


async def test_call_by_name_from_outside_a_process(runtime: Runtime) -> None:
    async with runtime.attach():
        process.with_name("doubler").spawn(doubler, HOST)
    assert await runtime.call("doubler", "double", 4) == 8
    assert runtime.statistics().processes == 1


async def test_a_reply_is_a_snapshot(runtime: Runtime) -> None:
    state = [1]

    async def server() -> None:
        message = await process.inbox().receive()
        message.reply(state)
        state.append(2)
        await forever()

    async def main() -> Any:
        return await process.call(process.spawn(server), "state")

    assert await as_process(runtime, main) == [1]


async def test_no_answer_in_time_is_call_timeout(runtime: Runtime) -> None:
    async def main() -> None:
        other = process.spawn(forever)
        began = trio.current_time()
        with pytest.raises(CallTimeout) as info:
            await process.call(other, "question")
        assert trio.current_time() - began == 5.0
        error = info.value
        assert (error.pid, error.topic, error.timeout) == (other, "question", 5.0)
        assert error.retryable
        with pytest.raises(CallTimeout):
            await process.call(other, "question", timeout="100ms")
        with pytest.raises(CallTimeout):
            await process.call(other, "question", timeout=0)

    await as_process(runtime, main)


async def test_call_waits_for_ever_only_when_told(runtime: Runtime) -> None:
    async def main() -> Any:
        return await process.call(process.spawn(late, None, 1e9), "question", timeout=math.inf)

    assert await as_process(runtime, main) == "late"


async def test_a_late_reply_is_a_dead_letter_and_nobodys_message(runtime: Runtime) -> None:
    news = runtime.events("process", "dead_letter")

    async def main() -> list[Any]:
        other = process.spawn(late, None, 2)
        with pytest.raises(CallTimeout):
            await process.call(other, "question", timeout="1s")
        answer = await process.call(other, "another", timeout="10s")
        await settle()
        return [answer, drain(process.inbox()), runtime.statistics().dead_letters]

    assert await as_process(runtime, main) == ["late", [], 1]
    letter = news.receive_nowait()
    assert letter.data["topic"] == "question"
    assert "late reply" in letter.data["why"]


async def test_a_second_reply_is_a_dead_letter(runtime: Runtime) -> None:
    async def twice() -> None:
        message = await process.inbox().receive()
        message.reply(1)
        message.reply(2)

    async def main() -> list[Any]:
        answer = await process.call(process.spawn(twice), "question")
        await settle()
        return [answer, runtime.statistics().dead_letters]

    assert await as_process(runtime, main) == [1, 1]


async def test_a_cancelled_call_withdraws_its_question(runtime: Runtime) -> None:
    async def main() -> list[Any]:
        other = process.spawn(late, None, 2)
        with trio.move_on_after(1) as scope:
            await process.call(other, "question")
        await trio.sleep(5)
        return [scope.cancelled_caught, len(process.inbox()), runtime.statistics().dead_letters]

    assert await as_process(runtime, main) == [True, 0, 1]


async def test_a_reply_in_the_tick_of_the_cancellation_is_a_dead_letter(runtime: Runtime) -> None:
    scopes: list[trio.CancelScope] = []

    async def server() -> None:
        message = await process.inbox().receive()
        scopes[0].cancel()
        message.reply("too late by nothing")

    async def main() -> list[Any]:
        with trio.CancelScope() as scope:
            scopes.append(scope)
            await process.call(process.spawn(server), "question")
        return [scope.cancelled_caught, runtime.statistics().dead_letters]

    assert await as_process(runtime, main) == [True, 1]


async def test_a_reply_at_the_deadline_is_the_answer_or_a_timeout_never_both(
    runtime: Runtime,
) -> None:
    async def main() -> list[Any]:
        other = process.spawn(late, None, 1)
        try:
            got = await process.call(other, "question", timeout="1s")
        except CallTimeout:
            got = "timeout"
        await trio.sleep(1)
        return [got, runtime.statistics().dead_letters]

    assert await as_process(runtime, main) in (["late", 0], ["timeout", 1])


async def test_the_end_of_the_callee_is_process_not_found_at_once(runtime: Runtime) -> None:
    async def reads_and_ends() -> None:
        await process.inbox().receive()

    async def main() -> None:
        other = process.spawn(reads_and_ends)
        began = trio.current_time()
        with pytest.raises(ProcessNotFound, match="without an answer") as info:
            await process.call(other, "question")
        assert trio.current_time() == began
        assert (info.value.pid, info.value.topic) == (other, "question")
        assert info.value.undelivered is None

    await as_process(runtime, main)


async def test_a_callee_terminated_before_it_read_the_question_gives_it_back(
    runtime: Runtime,
) -> None:
    async def main() -> None:
        other = process.spawn(forever)

        async def terminates() -> None:
            await trio.sleep(1)
            process.terminate(other)

        coroutine.spawn(terminates)
        with pytest.raises(ProcessNotFound) as info:
            await process.call(other, "question", 7)
        assert isinstance(info.value.undelivered, Message)
        assert info.value.undelivered.data == 7
        assert runtime.statistics().dead_letters == 0  # it is one or the other

    await as_process(runtime, main)


async def test_a_question_that_came_back_is_no_dead_letter_and_one_that_did_not_is(
    runtime: Runtime,
) -> None:
    """What a process had not read: one asker waits, one gave up, one is cancelled just now."""
    letters = runtime.events("process", "dead_letter")

    async def main() -> None:
        scopes = []

        async def never_reads() -> None:
            await trio.sleep(2)
            scopes[2].cancel()  # and the end is in the same tick

        other = process.spawn(never_reads)

        async def asks(topic: str, seconds: float) -> None:
            with trio.move_on_after(seconds) as scope:
                scopes.append(scope)
                with pytest.raises(ProcessNotFound) as info:
                    await process.call(other, topic)
                assert isinstance(info.value.undelivered, Message)

        for topic, seconds in (("waits", 9), ("gave up", 1), ("is cancelled", 9)):
            coroutine.spawn(asks, topic, seconds)
            await settle()
        process.send(other, "message")
        await trio.sleep(3)
        assert [scope.cancelled_caught for scope in scopes] == [False, True, True]
        told = [(event.path, event.data["topic"]) for event in drain(letters)]
        assert sorted(told) == [(other, "gave up"), (other, "is cancelled"), (other, "message")]
        assert runtime.statistics().dead_letters == 3

    await as_process(runtime, main)


async def test_a_call_that_gave_up_is_forgotten_by_who_was_asked(runtime: Runtime) -> None:
    async def main() -> None:
        other = process.spawn(forever)
        with pytest.raises(CallTimeout):
            await process.call(other, "question", timeout="1s")
        with trio.move_on_after(1):
            await process.call(other, "question")
        assert not runtime.find(other).unanswered
        assert not runtime.find(process.pid()).calls

    await as_process(runtime, main)


async def test_a_reply_to_a_process_that_has_ended_is_a_dead_letter(runtime: Runtime) -> None:
    """A task may go on with its call though the block that made it a process is left."""
    letters = runtime.events("process", "dead_letter")
    other = runtime.spawn(late, HOST, 2)

    async def asks() -> None:
        with pytest.raises(CallTimeout):
            await process.call(other, "question", timeout="5s")

    async with trio.open_nursery() as nursery, runtime.attach() as me:
        nursery.start_soon(asks)
        await settle()
    letter = letters.receive_nowait()
    assert (letter.path, letter.data["sender"], letter.data["topic"]) == (me, other, "question")
    assert letter.data["why"] == "a reply to a process that has ended"


async def test_calling_an_ended_process_or_an_unknown_name_carries_the_message(
    runtime: Runtime,
) -> None:
    async def main() -> None:
        other = process.spawn(give)
        await settle()
        with pytest.raises(ProcessNotFound) as gone:
            await process.call(other, "question", 7)
        with pytest.raises(NameNotFound) as unknown:
            await process.call("nobody", "question", 7)
        for info in (gone, unknown):
            assert isinstance(info.value.undelivered, Message)
            assert info.value.undelivered.data == 7
        with pytest.raises(Invalid):
            await process.call(other, "@question")

    await as_process(runtime, main)


async def test_calling_a_full_mailbox_is_mailbox_full() -> None:
    async with open_runtime() as runtime:
        await runtime.start_host("app:small", mailbox=1)
        other = runtime.spawn(forever, "app:small")
        runtime.send(other, "fills it")
        with pytest.raises(MailboxFull):
            await runtime.call(other, "question")
        assert runtime.info(other).mailbox == 1


async def test_calling_oneself_is_invalid(runtime: Runtime) -> None:
    async def main() -> None:
        process.registry.register("me")
        for dest in (process.pid(), "me"):
            with pytest.raises(Invalid, match="cannot call itself"):
                await process.call(dest, "question")

    await as_process(runtime, main)


async def test_an_exception_as_the_reply_is_raised_by_the_call(runtime: Runtime) -> None:
    async def refuses() -> None:
        message = await process.inbox().receive()
        message.reply(Failure("no"))
        await forever()

    async def main() -> None:
        with pytest.raises(Failure, match="no"):
            await process.call(process.spawn(refuses), "question")

    await as_process(runtime, main)


async def test_what_would_go_through_the_caller_is_no_reply(runtime: Runtime) -> None:
    async def refuses() -> None:
        message = await process.inbox().receive()
        with pytest.raises(Invalid, match="cannot reply with"):
            message.reply(KeyboardInterrupt())
        message.reply("fine")

    async def main() -> Any:
        return await process.call(process.spawn(refuses), "question")

    assert await as_process(runtime, main) == "fine"


async def test_a_message_that_was_sent_cannot_be_replied_to(runtime: Runtime) -> None:
    async def main() -> None:
        process.send(process.pid(), "t")
        message = await process.inbox().receive()
        assert not message.is_call
        with pytest.raises(Invalid, match="nobody waits for a reply"):
            message.reply(1)

    await as_process(runtime, main)


async def test_a_process_that_got_the_question_passed_on_may_answer(runtime: Runtime) -> None:
    async def worker() -> None:
        question = (await process.inbox().receive()).data
        question.reply(f"{question.data} by {process.pid()}")

    async def front() -> None:
        question = await process.inbox().receive()
        process.send(process.spawn(worker), "work", question)
        await forever()

    async def main() -> Any:
        return await process.call(process.spawn(front), "question", "done")

    assert await as_process(runtime, main) == "done by {app:processes|0x00003}"


async def test_a_reply_passed_on_after_the_end_of_who_was_asked_is_a_dead_letter(
    runtime: Runtime,
) -> None:
    async def worker() -> None:
        question = (await process.inbox().receive()).data
        await trio.sleep(1)
        question.reply("too late")

    async def front() -> None:
        question = await process.inbox().receive()
        process.send(process.spawn(worker), "work", question)

    async def main() -> int:
        with pytest.raises(ProcessNotFound):
            await process.call(process.spawn(front), "question")
        await trio.sleep(2)
        return runtime.statistics().dead_letters

    assert await as_process(runtime, main) == 1


async def test_the_end_of_the_caller_makes_the_reply_a_dead_letter(runtime: Runtime) -> None:
    async def caller(to: str) -> None:
        await process.call(to, "question", timeout=math.inf)

    async def main() -> list[Any]:
        other = process.spawn(late, None, 2)
        pid = process.spawn_monitored(caller, None, other)
        await trio.sleep(1)
        process.terminate(pid)
        await process.events().receive()
        await trio.sleep(5)
        return [other in process.list(), runtime.statistics().dead_letters]

    assert await as_process(runtime, main) == [True, 1]


async def test_calls_from_several_coroutines_get_their_own_answers(runtime: Runtime) -> None:
    async def main() -> list[int]:
        other = process.spawn(doubler)
        calls = [coroutine.spawn(process.call, other, "double", n) for n in range(20)]
        return [await call.result() for call in calls]

    assert await as_process(runtime, main) == [2 * n for n in range(20)]


async def test_call_checkpoints(runtime: Runtime) -> None:
    async def main() -> None:
        other = process.spawn(doubler)
        with trio.testing.assert_checkpoints():
            await process.call(other, "double", 1)

    await as_process(runtime, main)
