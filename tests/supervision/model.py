"""A supervision tree as a plain function of what happens to it: no tasks, no clock of its own."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field

STABLE = 5.0
"""A run longer than this begins the row of attempts anew."""


class RootGaveUp(Exception):
    """The restarts of the topmost supervisor are used up."""


@dataclass(eq=False)
class Node:
    """A leaf if it has no strategy, else a supervisor."""

    name: str
    restart: str = "permanent"
    delay: float = 0.0
    max_attempts: int = 0
    """Counts where there is a delay."""
    says_ready: bool = False
    """Its start can fail."""
    strategy: str = ""
    max_restarts: int = 0
    kids: list[Node] = field(default_factory=list)

    parent: Node | None = None
    state: str = "new"
    runs: int = 0
    restarts: int = -1
    since: float = 0.0
    attempts: int = 0
    failing: int = 0
    """So many of its next starts fail."""
    present: list[Node] = field(default_factory=list)
    queue: list[Node] = field(default_factory=list)
    """New ones that wait until their group is whole."""
    times: list[float] = field(default_factory=list)
    pending: list[tuple[float, list[Node]]] = field(default_factory=list)

    def leaves(self) -> Iterator[Node]:
        if not self.strategy:
            yield self
        for kid in self.kids:
            yield from kid.leaves()

    def supervisors(self) -> Iterator[Node]:
        if self.strategy:
            yield self
        for kid in self.kids:
            yield from kid.supervisors()

    def next_restart(self) -> float | None:
        assert self.parent is not None
        for at, waiting in self.parent.pending:
            if self in waiting:
                return at
        return None


class Model:
    """What the tree is to be after each thing that happens."""

    def __init__(self, root: Node, within: float) -> None:
        self.root = root
        self.within = within
        self.now = 0.0
        self.added: list[Node] = []
        self.begin(root)

    def leaves(self) -> list[Node]:
        """All there have been."""
        return [*self.root.leaves(), *self.added]

    # -- runs

    def begin(self, node: Node) -> bool:
        """A run begins. Tells whether it comes up."""
        node.runs += 1
        node.restarts += 1
        node.since = self.now
        if node.failing and node.says_ready:
            node.failing -= 1
            node.state = "failed"
            return False
        node.state = "running"
        node.present = list(node.kids)
        node.times, node.pending, node.queue = [], [], []
        for kid in node.kids:
            kid.parent = node
            kid.restarts, kid.attempts, kid.failing = -1, 0, 0
            self.begin(kid)
        return True

    def halt(self, node: Node) -> None:
        """A run, and all below it, is stopped."""
        node.state = "stopped"
        node.pending, node.queue = [], []
        for kid in reversed(node.present):
            self.halt(kid)

    def end(self, node: Node, *, normally: bool) -> bool:
        """A run returns or fails. Tells whether it is restarted, or waits for that."""
        node.state = "exited" if normally else "failed"
        above = node.parent
        if above is None:
            raise RootGaveUp
        if node.restart == "temporary":
            above.present.remove(node)
            return False
        if node.delay and self.now - node.since > STABLE:
            node.attempts = 0
        if node.restart == "transient" and normally:
            return False
        if node.delay and node.max_attempts and node.attempts >= node.max_attempts:
            return False
        above.times = [at for at in above.times if at + self.within >= self.now] + [self.now]
        if len(above.times) > above.max_restarts:
            self.halt(above)
            self.end(above, normally=False)
            return True
        node.attempts += 1
        waiting = [node]
        for other in reversed(list(self.group(above, node))):
            if other is node or other in above.queue or other.state in ("stopped", "failed"):
                continue
            self.call_off(other)
            self.halt(other)
            if other.restart == "temporary":
                above.present.remove(other)
            else:
                waiting.append(other)
        for each in waiting:
            each.state = "backoff"
        above.pending.append((self.now + node.delay, waiting))
        self.pass_time(0)
        return True

    def group(self, above: Node, failed: Node) -> list[Node]:
        match above.strategy:
            case "one_for_one":
                return [failed]
            case "one_for_all":
                return above.present
        return above.present[above.present.index(failed) :]

    def call_off(self, node: Node) -> None:
        assert node.parent is not None
        for _, waiting in node.parent.pending:
            if node in waiting:
                waiting.remove(node)
        node.parent.pending = [each for each in node.parent.pending if each[1]]

    def next_due(self) -> float:
        """When the next restart is due, if any."""
        times = [
            at
            for above in self.root.supervisors()
            if above.state == "running"
            for at, _ in above.pending
        ]
        return min(times, default=math.inf)

    def pass_time(self, seconds: float) -> None:
        """Time passes, to the next restart at most."""
        self.now += seconds
        for above in self.root.supervisors():
            if above.state == "running":
                for each in [each for each in above.pending if each[0] <= self.now]:
                    if each in above.pending:
                        above.pending.remove(each)
                        self.start_waiting(above, each[1])
            self.admit(above)

    def start_waiting(self, above: Node, waiting: list[Node]) -> None:
        for node in [each for each in above.present if each in waiting]:
            if not self.begin(node) and self.end(node, normally=False):
                return  # who has not been started yet waits for what follows from this

    def admit(self, above: Node) -> None:
        """Start the new ones that have waited for their group."""
        while above.queue and (above.strategy == "one_for_one" or not above.pending):
            node = above.queue.pop(0)
            if not self.begin(node):
                above.present.remove(node)

    # -- orders

    def order_start(self, above: Node, node: Node) -> None:
        node.parent = above
        node.state = "starting"
        self.added.append(node)
        above.present.append(node)
        above.queue.append(node)
        self.admit(above)

    def order_stop(self, node: Node, *, forget: bool = False) -> None:
        above = node.parent
        assert above is not None
        self.call_off(node)
        forget = forget or node.restart == "temporary"
        if node in above.queue:
            above.queue.remove(node)
            forget = True
        self.halt(node)
        if forget:
            above.present.remove(node)
        self.admit(above)

    def order_restart(self, node: Node) -> None:
        above = node.parent
        assert above is not None
        if node in above.queue:
            return  # it is started when its turn comes
        self.call_off(node)
        self.halt(node)
        node.attempts = 0
        if not self.begin(node) and node.restart == "temporary":
            above.present.remove(node)
        self.admit(above)

    # -- looking

    def alive(self, node: Node) -> bool:
        """Whether its run, and all above it, is there."""
        return node.state == "running" and (node.parent is None or self.alive(node.parent))

    def children(self, above: Node) -> list[tuple[str, str, int, float | None]]:
        """What a supervisor is to say of its children."""
        return [
            (kid.name, kid.state, max(kid.restarts, 0), kid.next_restart()) for kid in above.present
        ]
