"""A worker: answers one message, and is done."""

from echosvc import process, time


async def main(sender: str, data: str, number: int) -> int:
    await time.sleep("100ms")
    response = {"data": data.upper(), "worker": process.pid(), "number": number}
    process.send(sender, "echo_response", response)
    return 0
