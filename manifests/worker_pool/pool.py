"""Shares jobs out to a few workers, and hires another for each one that fails."""

from collections import deque

from echosvc import channel, io, process

WORKERS = 3
EXAMPLES = ("1001", "65537", "ninety", "1000001", "360", "9797")


async def main() -> int:
    inbox = process.inbox()
    events = process.events()
    waiting = deque(io.args() or EXAMPLES)
    busy: dict[process.Pid, str] = {}
    failed = 0

    for _ in range(min(WORKERS, len(waiting))):
        hire(waiting, busy)
    while busy:
        r = await channel.select(inbox, events)
        match r.value:
            case process.Message(topic="done", sender=worker, data=factors):
                io.print(f"{busy.pop(worker)} = {' x '.join(map(str, factors))}")
                if waiting:
                    give(worker, waiting, busy)
            case process.Event(kind=process.event.EXIT, sender=worker, result=result):
                # A worker is not careful, and needn't be: whoever waits for it knows of its end.
                failed += 1
                io.print(f"{busy.pop(worker)}: {result.error}")
                if waiting:
                    hire(waiting, busy)
            case process.Event(kind=process.event.CANCEL):
                return 1
    return 1 if failed else 0


def hire(waiting: deque[str], busy: dict[process.Pid, str]) -> None:
    give(process.spawn_monitored("app:worker", "app:processes"), waiting, busy)


def give(worker: process.Pid, waiting: deque[str], busy: dict[process.Pid, str]) -> None:
    job = waiting.popleft()
    process.send(worker, "factor", job)
    busy[worker] = job
