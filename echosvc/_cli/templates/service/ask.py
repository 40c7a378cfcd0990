"""Adds the numbers that it is given: echosvc run ask 1 2 3."""

from echosvc import errors, io, process


async def main() -> int:
    """Ask once for each argument; the result is the program's exit code."""
    for word in io.args() or ("1",):
        number = int(word) if word.lstrip("-").isdecimal() else word
        await process.registry.wait("counter")
        try:
            total = await process.call("counter", "add", number, timeout="2s")
        except errors.ProcessNotFound:
            io.print(f"{word}: the counter crashed over it")
        except errors.CallTimeout:
            io.eprint(f"{word}: the counter gives no answer")
            return 1
        else:
            io.print(f"{word}: {total}")
    return 0
