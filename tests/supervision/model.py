"""A supervision tree as a plain function of what happens to it: no tasks, no clock of its own."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field


class RootGaveUp(Exception):
    """The restarts of the topmost supervisor are used up."""


@dataclass(eq=False)
class Node:
    """A leaf if it has no strategy, else a supervisor."""

    name: str
    restart: str = "permanent"
    delay: float = 0.0
    strategy: str = ""
    max_restarts: int = 0
    kids: list[Node] = field(default_factory=list)

    parent: Node | None = None
    state: str = "new"
    runs: int = 0
    present: list[Node] = field(default_factory=list)
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


class Model:
    """What the tree is to be after each thing that happens."""

    def __init__(self, root: Node, within: float) -> None:
        self.root = root
        self.within = within
        self.now = 0.0
        self.start(root)

    def start(self, node: Node) -> None:
        node.state = "running"
        node.runs += 1
        node.present = list(node.kids)
        node.times, node.pending = [], []
        for kid in node.kids:
            kid.parent = node
            self.start(kid)

    def stop(self, node: Node) -> None:
        node.state = "stopped"
        node.pending = []
        for kid in reversed(node.present):
            self.stop(kid)

    def end(self, node: Node, *, normally: bool) -> None:
        """A running node returns or fails."""
        node.state = "exited" if normally else "failed"
        above = node.parent
        if above is None:
            raise RootGaveUp
        if node.restart == "temporary":
            above.present.remove(node)
            return
        if node.restart == "transient" and normally:
            return
        above.times = [at for at in above.times if at + self.within >= self.now] + [self.now]
        if len(above.times) > above.max_restarts:
            self.stop(above)
            self.end(above, normally=False)
            return
        waiting = [node]
        for other in reversed(list(self.group(above, node))):
            if other is node or other.state.endswith("stopped"):  # on purpose
                continue
            self.call_off(other)
            self.stop(other)
            if other.restart == "temporary":
                above.present.remove(other)
            else:
                waiting.append(other)
        for each in waiting:
            each.state = "backoff"
        above.pending.append((self.now + node.delay, waiting))
        self.pass_time(0)

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

    def order_stop(self, node: Node) -> None:
        assert node.parent is not None
        self.call_off(node)
        if node.state not in ("exited", "failed"):
            was_running = node.state == "running"
            self.stop(node)
            if node.restart == "temporary" and was_running:
                node.parent.present.remove(node)
        else:
            node.state = f"{node.state} and stopped"

    def order_restart(self, node: Node) -> None:
        self.call_off(node)
        self.start(node)

    def pass_time(self, seconds: float) -> None:
        self.now += seconds
        due = [
            (at, above, waiting)
            for above in self.root.supervisors()
            if above.state == "running"
            for at, waiting in above.pending
            if at <= self.now
        ]
        for _, above, waiting in sorted(due, key=lambda each: each[0]):
            above.pending = [each for each in above.pending if each[1] is not waiting]
            for node in above.present:
                if node in waiting:
                    self.start(node)

    def alive(self, node: Node) -> bool:
        """Whether its run, and all above it, is there."""
        return node.state == "running" and (node.parent is None or self.alive(node.parent))
