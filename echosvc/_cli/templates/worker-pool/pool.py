"""Shares jobs out to a fixed number of workers, and replaces those that fail."""

from collections import deque

from echosvc import channel, errors, logger, process


class Pool:
    """Which workers are free, which are at what, and what waits for one."""

    def __init__(self) -> None:
        self.idle: deque[process.Pid] = deque()
        self.busy: dict[str, process.Message] = {}
        self.waiting: deque[process.Message] = deque()

    def hire(self) -> None:
        """Start a worker, and hear of its end."""
        self.idle.append(process.spawn_monitored("app:worker"))

    def assign(self) -> None:
        """Give the jobs that wait to the workers that are free."""
        while self.idle and self.waiting:
            worker, job = self.idle.popleft(), self.waiting.popleft()
            process.send(worker, "job", job.data)
            self.busy[worker] = job

    def done(self, worker: process.Pid, result: object) -> None:
        """Answer whoever asked; the worker is free again."""
        self.busy.pop(worker).reply(result)
        self.idle.append(worker)

    def lost(self, event: process.Event) -> None:
        """Answer for a worker that failed, and put another in its place."""
        logger.warn("worker failed", worker=event.sender, error=event.result.error)
        job = self.busy.pop(event.sender, None)
        if job is None:
            self.idle.remove(event.sender)
        else:
            job.reply(errors.Internal(f"a worker failed at it: {event.result.error}"))
        self.hire()


async def main(workers: int) -> None:
    """Serve `square` calls until told to stop."""
    if type(workers) is not int or workers < 1:
        # Not retryable: the service gives up at once, since no restart would change it.
        raise errors.Invalid(f"a pool needs one worker or more, args: [{workers!r}] is none")
    inbox = process.inbox()
    events = process.events()
    pool = Pool()
    for _ in range(workers):
        pool.hire()
    process.registry.register("pool")
    process.ready()

    while True:
        r = await channel.select(inbox.case_receive(), events.case_receive())
        if r.channel is events:
            if r.value.kind is process.event.CANCEL:
                return
            if r.value.kind is process.event.EXIT:
                pool.lost(r.value)
        elif r.value.topic == "square":
            pool.waiting.append(r.value)
        elif r.value.topic == "done":
            pool.done(r.value.sender, r.value.data)
        pool.assign()
