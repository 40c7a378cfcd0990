"""A live table of the workers: it monitors each of their lives."""

from dataclasses import dataclass

from rich.table import Table

from echosvc import channel, errors, io, process, time

NAMES = ("steady", "moody", "brief", "hopeless", "cook", "waiter")


@dataclass
class Worker:
    name: str
    pid: process.Pid | None = None
    lives: int = 0
    last_end: str = ""


async def main() -> None:
    events = process.events()
    ticks = time.ticker("100ms").channel
    end = time.after(float(io.args()[0] if io.args() else "inf"))
    workers = [Worker(name) for name in NAMES]

    with io.live() as live:
        while True:
            for worker in workers:
                if worker.pid is None:
                    look_for(worker)
            live.update(table_of(workers))
            r = await channel.select(events, end, ticks)
            match r.value:
                case process.Event(kind=process.event.EXIT, sender=pid, result=result):
                    worker = next(each for each in workers if each.pid == pid)
                    worker.pid = None
                    worker.last_end = str(result.value if result.ok else result.error)
                case process.Event(kind=process.event.CANCEL):
                    return
                case _ if r.channel is end:
                    return


def look_for(worker: Worker) -> None:
    try:
        worker.pid = process.monitor(worker.name)
    except errors.NameNotFound:
        return  # not back yet
    worker.lives += 1


def table_of(workers: list[Worker]) -> Table:
    table = Table("worker", "now", "lives", "last end")
    for worker in workers:
        table.add_row(worker.name, worker.pid or "-", str(worker.lives), worker.last_end)
    return table
