"""Builds the pipeline from its end, puts lines in at its beginning, and shows what comes out."""

from echosvc import io, process


async def main() -> None:
    top = int(io.args()[0]) if io.args() else 5
    # Linked, so that the stages fail together, with us; monitored, for the result of the last.
    counter = process.spawn_linked_monitored("app:counter", "app:processes", top)
    splitter = process.spawn_linked("app:splitter", "app:processes", counter)

    while (line := await io.readline()) is not None:
        await process.deliver(splitter, "line", line)
    await process.deliver(splitter, "end")

    async for event in process.events():
        match event:
            case process.Event(kind=process.event.EXIT, result=process.Result(value=counted)):
                for word, times in counted:
                    io.print(f"{times:6} {word}")
                return
            case process.Event(kind=process.event.CANCEL):
                return
