"""One connection: carries lines between a socket and the room."""

import trio

from echosvc import Channel, channel, coroutine, errors, process


async def main(stream: trio.SocketStream) -> None:
    inbox = process.inbox()
    events = process.events()
    typed = Channel[str]()

    async with stream:
        coroutine.spawn(read, stream, typed)
        try:
            if not await enter(stream, typed):
                return
            while True:
                r = await channel.select(typed, inbox, events)
                match r.value:
                    case str(text):
                        process.send("room", "say", text)
                    case process.Message(topic="line", data=line):
                        await write(stream, line)
                    case process.Event(kind=process.event.CANCEL):
                        return
                    case None:  # `typed` is closed: that was the last line
                        return
        except trio.BrokenResourceError:
            return  # whoever it was has gone


async def enter(stream: trio.SocketStream, typed: Channel[str]) -> bool:
    async for name in typed:
        try:
            others = await process.call("room", "join", name)
        except errors.AlreadyExists as taken:
            await write(stream, f"* {taken}, enter another name")
        else:
            await write(stream, f"* here are: {', '.join(others) or 'only you'}")
            return True
    return False


async def read(stream: trio.SocketStream, typed: Channel[str]) -> None:
    rest = b""
    try:
        async for data in stream:
            *lines, rest = (rest + data).split(b"\n")
            for line in lines:
                # Nobody is to paint on another's screen.
                await typed.send("".join(filter(str.isprintable, line.decode(errors="replace"))))
    except (trio.BrokenResourceError, trio.ClosedResourceError):
        pass  # as good as the end
    typed.close()


async def write(stream: trio.SocketStream, line: str) -> None:
    await stream.send_all(f"{line}\n".encode())
