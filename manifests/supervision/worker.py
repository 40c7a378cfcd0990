"""Six characters, none of whom catches anything.

What comes after a failure is for the service or the supervisor to say.
"""

import random

from echosvc import errors, process, time


async def main(character: str) -> str:
    process.registry.register(character)
    done = 0
    while True:
        await time.sleep("500ms")
        done += 1
        match character:
            case "moody" if random.random() < 0.2:
                raise RuntimeError(f"bad mood after {done} pieces of work")
            case "cook" if done == 6:
                raise RuntimeError("burnt it")
            case "brief" if done == 5:
                return f"all {done} done"  # a normal end: there is nothing to start again
            case "hopeless" if done == 3:
                # Whoever knows that trying again is of no use can say so.
                raise errors.Invalid("this will never work", retryable=False)
