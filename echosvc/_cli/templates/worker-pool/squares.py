"""Squares numbers: echosvc run squares 2 3 5."""

from echosvc import coroutine, errors, io, process


async def main() -> int:
    """Ask for all at once, and print the answers in the order of the questions."""
    await process.registry.wait("pool")
    asked = [(word, coroutine.spawn(square, word)) for word in io.args() or ("2", "3", "5")]
    failed = False
    for word, question in asked:
        answer = await question.result()
        failed |= isinstance(answer, errors.Error)
        io.print(f"{word}² = {answer}")
    return 1 if failed else 0


async def square(word: str) -> int | errors.Error:
    """Return the answer, or the error that came instead."""
    try:
        return await process.call("pool", "square", word, timeout="10s")
    except errors.Error as error:
        return error
