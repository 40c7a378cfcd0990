"""How many messages wait, when there is no room, and in which order they come: against a model."""

from __future__ import annotations

from typing import Any

import pytest
import trio
from hypothesis import given, settings
from hypothesis import strategies as st

from echosvc import channel, open_runtime, process
from echosvc._channel.core import Channel
from echosvc.errors import Invalid, MailboxFull, ProcessNotFound

TOPICS = "abc"
STEP = st.one_of(
    st.tuples(
        st.sampled_from(["send", "send", "send", "listen", "unlisten"]), st.sampled_from(TOPICS)
    ),
    st.tuples(st.sampled_from(["receive", "receive", "take"]), st.sampled_from([*TOPICS, "inbox"])),
    st.tuples(st.just("select"), st.just("")),
)


class Model:
    """What has been sent and not been received, in the order in which it was sent."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.waiting: list[tuple[int, str]] = []
        self.listened: set[str] = set()
        self.most = 0
        self.told = 0
        self.may_tell = True

    def send(self, number: int, topic: str) -> bool:
        if len(self.waiting) == self.limit > 0:
            return False
        self.waiting.append((number, topic))
        self.most = max(self.most, len(self.waiting))
        if self.may_tell and len(self.waiting) == self.limit - self.limit // 4:
            self.told += 1
            self.may_tell = False
        return True

    def take(self, where: str) -> int | None:
        for each in self.waiting:
            own = each[1] if each[1] in self.listened else "inbox"
            if where in (own, "any"):
                self.waiting.remove(each)
                if len(self.waiting) == self.limit // 2:
                    self.may_tell = True
                return each[0]
        return None


@given(st.integers(0, 9), st.lists(STEP, max_size=80))
@settings(max_examples=300, deadline=None)
def test_a_mailbox_counts_and_orders_as_its_model_does(
    limit: int, steps: list[tuple[str, str]]
) -> None:
    async def main() -> None:
        me, model = process.pid(), Model(limit)
        channels: dict[str, Channel[Any]] = {}
        for number, (what, where) in enumerate(steps):
            if what == "send":
                if model.send(number, where):
                    process.send(me, where, number)
                else:
                    with pytest.raises(MailboxFull):
                        process.send(me, where, number)
            elif what == "listen":
                channels[where] = process.listen(where, message=True)
                model.listened.add(where)
            elif what == "unlisten" and where in channels:
                process.unlisten(channels.pop(where))
                model.listened.discard(where)
            elif what == "select":
                expected = model.take("any")
                r = await channel.select(process.inbox(), *channels.values(), default=True)
                assert (None if r.default else r.value.data) == expected
            elif where in channels or where == "inbox":
                chosen = channels.get(where) or process.inbox()
                expected = model.take(where)
                if expected is None:
                    with pytest.raises(trio.WouldBlock):
                        chosen.receive_nowait()
                else:
                    got = await chosen.receive() if what == "receive" else chosen.receive_nowait()
                    assert got.data == expected
            info = process.info()
            assert info.mailbox == len(model.waiting)
            assert info.mailbox_high_water == model.most
        told.append(model.told)

    told: list[int] = []

    async def run() -> None:
        async with open_runtime() as runtime:
            await runtime.start_host("app:processes", mailbox=limit)
            news = runtime.events("mailbox", "filling")
            await runtime.run(main, "app:processes")
            assert len(news) == told[0]

    trio.run(run)


async def test_a_question_that_was_not_delivered_cannot_be_answered() -> None:
    async with open_runtime() as runtime, runtime.attach():
        with pytest.raises(ProcessNotFound) as caught:
            await process.call("{gone|0x00001}", "ask")
        with pytest.raises(Invalid, match="was not delivered"):
            undelivered = caught.value.undelivered
            assert isinstance(undelivered, process.Message)
            assert undelivered.is_call
            undelivered.reply(1)
