"""Greets everybody it is told of: a process of its own writes each greeting."""

from echosvc import io, process


async def main() -> None:
    for name in io.args() or ("world",):
        # Starts a process, waits for its end, and gives what its main returned.
        greeting = await process.exec("app:greeter", "app:processes", name)
        io.print(greeting)
