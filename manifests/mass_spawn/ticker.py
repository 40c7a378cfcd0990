"""One of many: waits for a random time, ticks, and does so for ever."""

import random

from echosvc import process, time


async def main(swarm: str, team: int, shortest: float, longest: float) -> None:
    while True:
        await time.sleep(random.uniform(shortest, longest))
        process.send(swarm, "tick", team)
