"""Counts, one message at a time: its state is a variable, and nobody else can reach it."""

from echosvc import channel, logger, process


async def main() -> None:
    """Answer until told to stop. A crash loses the count: the next life begins with nothing."""
    inbox = process.inbox()
    events = process.events()
    process.registry.register("counter")
    process.ready()
    count = 0

    while True:
        r = await channel.select(inbox.case_receive(), events.case_receive())
        if r.channel is events:
            if r.value.kind is process.event.CANCEL:
                logger.info("stopping", count=count)
                return
        elif r.value.topic == "add":
            # What can't be added is an error of this process. Its service starts it again, so
            # there is no need to think of everything that somebody may send.
            count += r.value.data
            r.value.reply(count)
