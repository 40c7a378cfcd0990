"""The last stage: words in, and at the end the most frequent ones as its result."""

from collections import Counter

from echosvc import process


async def main(top: int) -> list[tuple[str, int]]:
    seen: Counter[str] = Counter()
    async for msg in process.inbox():
        match msg.topic, msg.data:
            case "word", word:
                seen[word] += 1
            case "end", _:
                break
    return sorted(seen.items(), key=lambda item: (-item[1], item[0]))[:top]
