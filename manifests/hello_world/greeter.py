"""Writes one greeting, and is done: what main returns is the process's result."""

from echosvc import process


async def main(name: str) -> str:
    return f"Hello, {name}! This is {process.pid()}."
