"""A process is a server: it owns its data, and answers one question after another."""

from typing import Any

from echosvc import channel, errors, logger, process


async def main() -> None:
    inbox = process.inbox()
    events = process.events()
    process.registry.register("store")
    process.ready()
    data: dict[str, Any] = {}  # nobody else can reach it, so nothing needs a lock

    while True:
        r = await channel.select(inbox, events)
        match r.value:
            case process.Event(kind=process.event.CANCEL):
                return
            case process.Message(topic="set", data=(key, value)) as msg:
                data[key] = value
                msg.reply(len(data))
            case process.Message(topic="get", data=key) as msg if key in data:
                msg.reply(data[key])
            case process.Message(topic="delete", data=key) as msg if key in data:
                msg.reply(data.pop(key))
            case process.Message(topic="get" | "delete", data=key) as msg:
                msg.reply(errors.NotFound(f"no key {key}"))  # raised at the other side
            case process.Message(topic="keys") as msg:
                msg.reply(sorted(data))
            case process.Message(topic="crash"):
                raise RuntimeError("told to crash")
            case process.Message(topic=topic, data=other):
                logger.warn("message not understood", topic=topic, data=other)
