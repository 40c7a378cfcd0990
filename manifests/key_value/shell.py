"""A client of the store at the terminal."""

import shlex
from typing import Any

from echosvc import errors, io, process

HELP = "set KEY VALUE, get KEY, delete KEY, keys, crash, quit"


async def main() -> None:
    io.print(HELP)
    while (line := await io.readline("> ")) is not None:
        try:
            words = shlex.split(line)
            if words == ["quit"]:
                return
            answer = await ask(words)
        except (errors.Error, ValueError) as error:
            io.print(f"error: {error}")
        else:
            io.print(answer)


async def ask(words: list[str]) -> Any:
    match words:
        case ["set", key, value]:
            size = await process.call("store", "set", key, value)
            return f"{size} keys"
        case ["get" | "delete" as what, key]:
            return await process.call("store", what, key)
        case ["keys"]:
            return " ".join(await process.call("store", "keys")) or "none"
        case ["crash"]:
            return await crash()
        case _:
            return HELP


async def crash() -> str:
    try:
        await process.call("store", "crash")
    except errors.ProcessNotFound:  # it ended without an answer
        pid = await process.registry.wait("store")
    return f"the store has crashed, and is back as {pid}, with nothing in it"
