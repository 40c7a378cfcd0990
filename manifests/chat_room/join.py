"""A client at the terminal; `nc localhost 4000` is one, too."""

import trio

from echosvc import coroutine, io


async def main() -> int:
    match io.args():
        case []:
            name, port = "somebody", "4000"
        case [name]:
            port = "4000"
        case [name, port, *_]:
            pass
    try:
        stream = await trio.open_tcp_stream("127.0.0.1", int(port))
    except (OSError, ValueError):
        io.eprint(f"there is no room on port {port}; `serve` opens one")
        return 1
    async with stream:
        await stream.send_all(f"{name}\n".encode())
        coroutine.spawn(talk, stream)
        rest = b""
        async for data in stream:
            *lines, rest = (rest + data).split(b"\n")
            for line in lines:
                io.print(line.decode())
    return 0


async def talk(stream: trio.SocketStream) -> None:
    """Send what is typed. Meanwhile, what others say appears above the prompt."""
    while (line := await io.readline("> ")) is not None:
        await stream.send_all(f"{line}\n".encode())
    await stream.send_eof()
