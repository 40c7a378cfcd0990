"""A program with asyncio inside of a process, by trio-asyncio, beside processes that hand over."""

from __future__ import annotations

import asyncio
from typing import Any

import trio
import trio_asyncio

from echosvc import Pid, open_runtime, process
from tests.runtime.helpers import HOST


async def echo() -> None:
    async for message in process.inbox():
        process.send(message.sender, "back", message.data)


async def of_asyncio(pid: Pid, n: int) -> int:
    future: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    asyncio.get_running_loop().call_soon(future.set_result, n)
    value = await future
    await asyncio.sleep(0)

    async def of_trio() -> Any:
        process.send(pid, "there", value)
        return (await process.inbox().receive()).data

    answer: int = await trio_asyncio.trio_as_aio(of_trio)()
    return answer


async def with_loop() -> list[int]:
    pid = process.spawn(echo)
    async with trio_asyncio.open_loop():
        answers = [await trio_asyncio.aio_as_trio(of_asyncio)(pid, n) for n in range(10)]
    process.terminate(pid)
    return answers


async def quick() -> None:
    other = process.spawn(echo)
    for n in range(200):
        process.send(other, "there", n)
        await process.inbox().receive()
    process.terminate(other)


async def main() -> list[int]:
    process.spawn(quick)
    results: list[int] = await process.exec(with_loop)
    return results


async def program() -> list[int]:
    with trio.fail_after(20):
        async with open_runtime() as runtime:
            await runtime.start_host(HOST)
            answers: list[int] = await runtime.run(main, HOST)
            return answers


if __name__ == "__main__":
    print(trio.run(program))
