"""Opens the room on a TCP port: each connection becomes a process of its own."""

import trio

from echosvc import channel, io, process


async def main() -> int:
    port = io.args()[0] if io.args() else "4000"
    if not port.isdecimal() or int(port) > 65535:
        io.eprint(f"{port} is no port, give a number up to 65535")
        return 1
    events = process.events()
    try:
        listeners = await trio.open_tcp_listeners(int(port), host="127.0.0.1")
    except OSError as error:
        io.eprint(f"the room cannot open on port {port}: {error.strerror}; give another port")
        return 1
    process.with_name("room").spawn_monitored("app:room", "app:processes")

    async with listeners[0] as listener:
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
