"""Not run: read by mypy."""

from typing import Any, assert_type

import trio

from echosvc import channel, time
from echosvc.channel import CallCase, Case, Channel, ChannelStatistics, Selected, SendCase
from echosvc.time import Duration


async def fetch(url: str, retries: int) -> bytes:
    raise NotImplementedError(url, retries)


async def channels() -> None:
    numbers = Channel[int](3)
    assert_type(await numbers.receive(), int)
    assert_type(numbers.receive_nowait(), int)
    assert_type(numbers.case_receive(), Channel[int])
    assert_type(numbers.case_send(1), SendCase[int])
    assert_type(numbers.statistics(), ChannelStatistics)
    assert_type(channel.new(), Channel[Any])
    async for n in numbers:
        assert_type(n, int)
    async with numbers as same:
        assert_type(same, Channel[int])

    await numbers.send("one")  # type: ignore[arg-type]
    numbers.send_nowait(None)  # type: ignore[arg-type]
    numbers.case_send(1.5)  # type: ignore[arg-type]
    Channel("3")  # type: ignore[arg-type]

    sending: trio.abc.SendChannel[int] = numbers
    receiving: trio.abc.ReceiveChannel[int] = numbers
    await sending.send(await receiving.receive())


async def selects() -> None:
    numbers, texts = Channel[int](), Channel[str]()
    _, foreign = trio.open_memory_channel[bytes](0)

    one = await channel.select(numbers)
    assert_type(one, Selected[int])
    assert_type(one.value, int)
    assert_type(one.ok, bool)
    assert_type(one.default, bool)
    assert_type(one.sent, bool)
    assert_type(await channel.select(numbers.case_receive()), Selected[int])

    two = await channel.select(numbers, texts)
    assert_type(two.value, int | str)
    three = await channel.select(numbers, texts.case_receive(), foreign)
    assert_type(three.value, int | str | bytes)
    four = await channel.select(numbers, texts, foreign, time.after("2s"))
    assert_type(four.value, int | str | bytes | float)

    call = channel.case_call(fetch, "http://x", 3)
    assert_type(call, CallCase[bytes])
    assert_type((await channel.select(call)).value, bytes)
    channel.case_call(fetch, "http://x", "3")  # type: ignore[arg-type]
    channel.case_call(fetch)  # type: ignore[call-arg, arg-type, unused-ignore]

    assert_type(await channel.select(numbers, default=True), Selected[Any])
    assert_type(await channel.select(numbers.case_send(1)), Selected[Any])
    several: list[Case] = [numbers, texts.case_send("x"), foreign, call]
    assert_type(await channel.select(*several), Selected[Any])

    await channel.select(3)  # type: ignore[call-overload]
    await channel.select(numbers, None)  # type: ignore[call-overload]


async def times() -> None:
    assert_type(time.after(2), Channel[float])
    assert_type(time.timer("2s").channel, Channel[float])
    assert_type(time.timer(2.5).reset("1m"), bool)
    assert_type(time.ticker("1s").channel, Channel[float])
    assert_type(time.parse_duration("2s"), float)
    assert_type(time.now(), float)
    pause: Duration = "100ms"
    await time.sleep(pause)
    await time.sleep(None)  # type: ignore[arg-type]
