"""The stage in the middle: lines in, words out."""

import re

from echosvc import process


async def main(next_stage: str) -> None:
    async for msg in process.inbox():
        match msg.topic, msg.data:
            case "line", line:
                for word in re.findall(r"\w+", line.lower()):
                    await process.deliver(next_stage, "word", word)
            case "end", _:
                await process.deliver(next_stage, "end")
                return
