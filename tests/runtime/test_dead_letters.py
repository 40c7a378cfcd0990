"""Dead letters in the log: a line for each end that left some, and for each answer."""

from __future__ import annotations

import logging

import pytest
import trio

from echosvc import Runtime, process
from echosvc.errors import CallTimeout
from tests.runtime.conftest import Records
from tests.runtime.helpers import HOST, forever, settle


def fields(record: logging.LogRecord) -> dict[str, object]:
    told: dict[str, object] = record.__dict__["fields"]
    return told


async def test_what_an_ended_process_had_not_read_is_one_line_with_its_topics(
    runtime: Runtime, records: Records
) -> None:
    pid = runtime.spawn(forever, HOST)
    for topic in "gfedcba":
        for _ in range(2):
            runtime.send(pid, topic)
    runtime.terminate(pid)
    await settle()
    (record,) = records.named("dead letter")
    assert record.levelno == logging.INFO
    assert record.getMessage() == (
        f"dead letters: process {pid} ended before it received 14 (a, b, c, d, e)"
    )
    assert fields(record) == {"to": pid, "count": 14, "topics": "a, b, c, d, e"}


async def test_an_answer_that_comes_too_late_is_one_line_with_who_gave_it_and_why(
    runtime: Runtime, records: Records
) -> None:
    async def late() -> None:
        message = await process.inbox().receive()
        await trio.sleep(2)
        message.reply("late")

    async with runtime.attach() as me:
        other = process.spawn(late, HOST)
        with pytest.raises(CallTimeout):
            await process.call(other, "question", timeout="1s")
        await trio.sleep(2)
    (record,) = records.named("dead letter")
    assert (record.levelno, record.getMessage()) == (
        logging.INFO,
        f"dead letter 'question' to {me} from {other}: a second or late reply",
    )
    assert fields(record) == {
        "to": me,
        "from": other,
        "topic": "question",
        "why": "a second or late reply",
    }


async def test_dead_letters_that_nobody_logs_are_counted_all_the_same(
    runtime: Runtime, records: Records
) -> None:
    logging.getLogger("echosvc").setLevel(logging.WARNING)
    pid = runtime.spawn(forever, HOST)
    runtime.send(pid, "topic")
    runtime.terminate(pid)
    await settle()
    assert records.named("dead letter") == []
    assert runtime.statistics().dead_letters == 1
