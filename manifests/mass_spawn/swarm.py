"""Starts the tickers, and counts their ticks by team; whoever asks is told."""

from echosvc import channel, process, time

TEAM = 1000
BATCH = 500


async def main(workers: int, shortest: time.Duration, longest: time.Duration) -> None:
    inbox = process.inbox()
    process.registry.register("swarm")
    process.ready()

    shortest, longest = time.parse_duration(shortest), time.parse_duration(longest)
    teams = [0] * -(-workers // TEAM)
    started = 0
    while True:
        # A batch at a time, and what has come meanwhile in between: it can be asked from the start.
        batch = range(started, min(started + BATCH, workers))
        for number in batch:
            # Linked: when this process is ended, so are they, and none ticks at nobody.
            process.spawn_linked(
                "app:ticker", None, process.pid(), number // TEAM, shortest, longest
            )
        started += len(batch)

        r = await channel.select(inbox, default=started < workers)
        match r.value:
            case process.Message(topic="tick", data=team):
                teams[team] += 1
            case process.Message(topic="counts") as question:
                question.reply((started, teams))
