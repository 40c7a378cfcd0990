"""Opens the room on a TCP port: each connection becomes a process of its own."""

import trio

from echosvc import channel, io, process


async def main() -> int:
    port = int(io.args()[0]) if io.args() else 4000
    events = process.events()
    process.with_name("room").spawn_monitored("app:room", "app:processes")

    async with (await trio.open_tcp_listeners(port, host="127.0.0.1"))[0] as listener:
        io.print(f"The room is open on port {listener.socket.getsockname()[1]}. Ctrl-C closes it.")
        # Any async function can be waited for in a select, next to channels.
        connection = channel.case_call(listener.accept)
        while True:
            r = await channel.select(events, connection)
            match r.value:
                case process.Event(kind=process.event.EXIT, result=result):
                    io.print(f"The room has failed: {result.error}")
                    return 1
                case process.Event(kind=process.event.CANCEL):
                    return 0
                case trio.SocketStream() as stream:
                    # If it fails, nobody else notices but the room, which monitors it.
                    process.spawn("app:member", "app:processes", stream)
