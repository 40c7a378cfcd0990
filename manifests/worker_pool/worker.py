"""Factors numbers, one at a time, for as long as anybody wants."""

from echosvc import process, time


async def main() -> None:
    async for job in process.inbox():
        factors = factor(int(job.data))
        await time.sleep("200ms")  # it is hard work
        process.send(job.sender, "done", factors)


def factor(number: int) -> list[int]:
    factors = []
    divisor = 2
    while divisor * divisor <= number:
        while number % divisor == 0:
            factors.append(divisor)
            number //= divisor
        divisor += 1
    return [*factors, number] if number > 1 else factors or [number]
