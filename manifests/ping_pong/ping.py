"""Plays with a pong of its own, and is told how that ended."""

from contextlib import suppress

from echosvc import channel, errors, io, process, time


async def main() -> int:
    rounds = int(io.args()[0]) if io.args() else 3
    inbox = process.inbox()
    events = process.events()

    # From before its first step on: whatever becomes of it, its EXIT will be among the events.
    pong = process.spawn_monitored("app:pong", "app:processes")
    process.send(pong, "ping", rounds)

    while True:
        timeout = time.after("2s")
        r = await channel.select(inbox, events, timeout)
        if r.channel is timeout:
            io.print("pong has fallen asleep")
            return 1
        match r.value:
            case process.Message(topic="pong", data=0):
                process.send(pong, "enough")
            case process.Message(topic="pong", data=left):
                io.print(f"pong from {pong}, {left} to go")
                with suppress(errors.ProcessNotFound):  # its EXIT is among the events then
                    process.send(pong, "ping", left)
            case process.Event(kind=process.event.EXIT, result=result):
                io.print(f"pong ended: {result.value if result.ok else result.error}")
                return 0 if result.ok else 1
            case process.Event(kind=process.event.CANCEL):
                return 0
