"""Does one job after another, for as long as its pool wants."""

from echosvc import process, time


async def main() -> None:
    """Square what comes; an error here ends this worker and no other."""
    async for job in process.inbox():
        await time.sleep("100ms")
        process.send(job.sender, "done", int(job.data) ** 2)
