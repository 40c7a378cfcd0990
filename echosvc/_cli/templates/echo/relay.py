"""The relay: spawns a monitored worker for each message, and tells how each one ended."""

from dataclasses import dataclass

from echosvc import channel, coroutine, errors, logger, process, time


@dataclass
class Stats:
    messages: int = 0
    workers_spawned: int = 0


async def stats_reporter(stats: Stats) -> None:
    while True:
        await time.sleep("5s")
        logger.info("stats", messages=stats.messages, workers_spawned=stats.workers_spawned)


async def main() -> None:
    inbox = process.inbox()
    events = process.events()
    process.registry.register("relay")
    logger.info("relay started")

    stats = Stats()
    coroutine.spawn(stats_reporter, stats)

    while True:
        r = await channel.select(inbox, events)
        if r.channel is events:
            event = r.value
            if event.kind is process.event.CANCEL:
                logger.info("relay stopped", reason=event.reason)
                return
            if event.kind is process.event.EXIT:
                worker_exited(event)
        else:
            relay(r.value, stats)


def relay(msg: process.Message, stats: Stats) -> None:
    match msg.topic, msg.data:
        case "echo", {"sender": sender, "data": data, "number": number}:
            stats.messages += 1
            try:
                process.spawn_monitored("app:worker", "app:processes", sender, data, number)
            except errors.Error as error:
                logger.error("spawn failed", error=error)
            else:
                stats.workers_spawned += 1
        case topic, data:
            logger.warn("message not understood", topic=topic, data=data, sender=msg.sender)


def worker_exited(event: process.Event) -> None:
    if event.result.ok:
        logger.info("worker exited", worker=event.sender, result=event.result.value)
    else:
        logger.warn("worker failed", worker=event.sender, error=event.result.error)
