"""Answers every ping, until it has had enough."""

from contextlib import suppress

from echosvc import errors, process


async def main() -> str:
    answered = 0
    with suppress(errors.ProcessNotFound):  # ping has gone: nobody is left to play with
        async for msg in process.inbox():
            match msg.topic, msg.data:
                case "ping", left:
                    answered += 1
                    process.send(msg.sender, "pong", left - 1)
                case "enough", _:
                    break
    return f"answered {answered} times"
