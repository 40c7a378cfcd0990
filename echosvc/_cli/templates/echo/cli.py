"""The echo client: sends each line to the relay, and shows the answer."""

from contextlib import suppress

from echosvc import channel, errors, io, process, time

RESET = "\033[0m"


def dim(text: str) -> str:
    return f"\033[2m{text}{RESET}"


def green(text: str) -> str:
    return f"\033[32m{text}{RESET}"


def yellow(text: str) -> str:
    return f"\033[33m{text}{RESET}"


def cyan(text: str) -> str:
    return f"\033[36m{text}{RESET}"


async def main() -> int:
    io.print(cyan("Echo Client"))
    io.print(dim("Type messages to echo. Ctrl+C to exit.\n"))

    await wait_for_relay()
    number = 0
    while True:
        io.write(yellow("> "))
        line = await io.readline()
        if not line:
            break
        number += 1
        await echo(line, number)

    io.print("\nGoodbye!")
    return 0


async def wait_for_relay() -> None:
    with suppress(errors.Timeout):  # the first message will say that it isn't there
        await process.registry.wait("relay", timeout="1s")


async def echo(line: str, number: int) -> None:
    """Ask the relay, and show what comes back."""
    try:
        process.send("relay", "echo", {"sender": process.pid(), "data": line, "number": number})
    except errors.Error:
        io.print(dim("  error: relay not available"))
        return

    inbox = process.inbox()
    timeout = time.after("2s")
    while True:
        r = await channel.select(inbox, timeout)
        if r.channel is timeout:
            io.print(dim("  timeout"))
            return
        match r.value.topic, r.value.data:
            # An answer to a line that has timed out carries that line's number: it is too late.
            case "echo_response", {"data": text, "worker": worker, "number": answered} if (
                answered == number
            ):
                io.print(green(f"  {text}"))
                io.print(dim(f"  from worker: {worker}"))
                return
