"""Random applications of services and trees: how they are written, and what holds of them."""

from __future__ import annotations

import contextlib
import math
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import trio

from echosvc import Runtime, channel, process, time
from echosvc._manifest.registry import Registry
from tests.runtime.helpers import Failure

CLOSED: Final = "the runtime is closed"
"""Why what runs at the end of the block is stopped."""

UP: Final = ("running", "exited")
DOWN: Final = ("unknown", "stopped", "exited", "failed")


@dataclass(frozen=True)
class Life:
    """What a process does in one of its lives."""

    ready: float = 0.0
    """Seconds until it says that it is ready."""
    lasts: float = math.inf
    """Seconds from then on."""
    fails: bool = True
    """At its end; else it returns."""
    stops: float = 0.0
    """Seconds from a CANCEL to its end."""
    deaf: bool = False
    """It never asks for its events."""


@dataclass(eq=False)
class Node:
    """A service, a process or a supervisor of an application."""

    name: str
    kind: str
    lives: list[Life] = field(default_factory=list)
    """One after the other; those that come then last."""
    needs: tuple[str, ...] = ()
    """Names of other roots."""
    kids: list[Node] = field(default_factory=list)
    lifecycle: dict[str, Any] = field(default_factory=dict)
    fields: dict[str, Any] = field(default_factory=dict)
    """Of a supervisor itself."""
    as_child: dict[str, Any] = field(default_factory=dict)
    parent: Node | None = None

    @property
    def id(self) -> str:
        """The id under which it runs."""
        if self.kind == "process" and self.parent is not None:
            return f"{self.parent.id}/{self.name}"
        return f"app:{self.name}"

    @property
    def required(self) -> bool:
        return self.lifecycle.get("startup", "required") == "required"

    @property
    def above(self) -> tuple[Node, ...]:
        """The supervisors that it is below, the nearest first."""
        return () if self.parent is None else (self.parent, *self.parent.above)

    @property
    def root(self) -> Node:
        return self.above[-1] if self.above else self

    def all(self) -> Iterator[Node]:
        yield self
        for kid in self.kids:
            yield from kid.all()

    def leaves(self) -> Iterator[Node]:
        return (node for node in self.all() if node.kind != "supervisor")

    def siblings(self) -> tuple[list[Node], list[Node]]:
        """Those to the left of it, and those to the right."""
        kids = [] if self.parent is None else self.parent.kids
        if self not in kids:
            return [], []
        place = kids.index(self)
        return kids[:place], kids[place + 1 :]

    def entry(self) -> dict[str, Any]:
        """Write it down."""
        fields = {"id": self.id, "kind": f"process.{self.kind}", **self.fields}
        if self.kind == "service":
            fields |= {"process": "app:p", "host": "app:h", "args": [self.name, 0]}
        else:
            fields |= {"host": "app:h", "children": [kid.child() for kid in self.kids]}
        needs = [f"app:{name}" for name in self.needs]
        return {**fields, "lifecycle": {**self.lifecycle, "requires": needs}}

    def child(self) -> dict[str, Any]:
        if self.kind == "process":
            return {"entry": "app:p", "name": self.name, "args": [self.name], **self.as_child}
        return {"entry": self.id, **self.as_child}


def registry_of(roots: list[Node]) -> Registry:
    """Write an application down."""
    nodes = [node for root in roots for node in root.all()]
    for node in nodes:
        for kid in node.kids:
            kid.parent = node
    entries = [
        {"id": "app:h", "kind": "process.host"},
        {"id": "app:p", "kind": "process.py", "source": "file://model_source.py"},
        *(node.entry() for node in nodes if node.kind != "process"),
    ]
    return Registry.from_entries(entries, Path(__file__).parent)


class World:
    """What the processes of one application do, and what is seen of them."""

    present: World | None = None

    def __init__(self, roots: list[Node], runtime: Runtime, *, strict: bool) -> None:
        self.runtime = runtime
        self.strict = strict  # one thing is asked for at a time, and waited for
        self.nodes = {node.name: node for root in roots for node in root.all()}
        self.lives: dict[str, Iterator[Life]] = {
            name: iter(node.lives) for name, node in self.nodes.items()
        }
        self.alive: Counter[str] = Counter()
        self.versions: dict[str, int] = {}  # of their arguments, as those that live got them
        self.calm = False  # from then on every life lasts
        self.wrong: list[str] = []
        self.left_out: set[str] = set()  # stopped before their supervisor came to them
        self.told: list[tuple[str, str]] = []  # the id and the state of each event
        self.last: defaultdict[tuple[str, str], int] = defaultdict(lambda: -1)  # place in `told`
        self.news = runtime.events("service", size=1_000_000)

    @contextlib.contextmanager
    def entered(self) -> Iterator[None]:
        """Be where the processes of the application live."""
        World.present = self
        try:
            yield
        finally:
            World.present = None

    def check(self, holds: bool, text: str) -> None:
        """Keep what is wrong: what a process raises is only one more failure of it."""
        if not holds:
            self.wrong.append(f"{trio.current_time():g}s: {text}")

    def catch_up(self) -> int:
        """Read what was told until now; gives how much that is."""
        while len(self.news):
            event = self.news.receive_nowait()
            self.last[event.path, event.kind] = len(self.told)
            self.told.append((event.path, event.kind))
        return len(self.told)

    def states(self) -> dict[str, str]:
        return {info.id: info.state.value for info in self.runtime.services()}

    # -- processes

    async def live(self, name: str, version: int) -> None:
        """Be a process of this name."""
        self.alive[name] += 1
        self.versions[name] = version
        self.check(self.alive[name] == 1, f"{name} runs twice")
        self.check_order_of_start(self.nodes[name])
        try:
            await self.do(name, Life() if self.calm else next(self.lives[name], Life()))
        finally:
            self.alive[name] -= 1

    async def do(self, name: str, life: Life) -> None:
        if life.deaf:
            await trio.sleep(life.ready)
            process.ready()
            await trio.sleep(life.lasts)
        else:
            events = process.events()
            for seconds in (life.ready, life.lasts):
                over = time.after(min(seconds, 1e6))
                if (selected := await channel.select(over, events)).channel is events:
                    self.check_order_of_stop(self.nodes[name], selected.value.reason)
                    await trio.sleep(life.stops)
                    return
                process.ready()
        if life.fails:
            raise Failure(name)

    # -- what holds

    def check_order_of_start(self, node: Node) -> None:
        """What it needs has come up before, and what stands to the left of it, too."""
        self.catch_up()
        states = self.states()
        for name in {name for each in node.root.all() for name in each.needs}:
            needed = self.nodes[name].id
            self.check(self.has_come_up(self.nodes[name]), f"{node.id} runs before {needed} is up")
            unit = self.runtime.units.get(node.root.id)
            if self.strict and unit is not None and unit.coming:
                self.check(states[needed] not in ("unknown", "stopped"), f"{needed} is down")
        for each in (node, *node.above):
            if each.parent is None or states[each.parent.id] != "starting" or not self.strict:
                continue
            began = self.last[each.parent.id, "starting"]
            for left in each.siblings()[0]:
                was_up = self.last[left.id, "running"] > began
                self.check(was_up or not left.required, f"{node.id} runs before {left.id} is up")

    def has_come_up(self, node: Node) -> bool:
        kinds = (*UP, *(() if node.required else ("failed",)))
        return any(self.last[node.id, kind] >= 0 for kind in kinds)

    def check_order_of_stop(self, node: Node, reason: str) -> None:
        """When all is stopped, what needs it is gone, and what stands to the right of it."""
        if reason != CLOSED:
            return
        before = [
            leaf
            for other in self.nodes.values()
            if node.root.name in other.needs
            for leaf in other.root.leaves()
        ]
        self.catch_up()
        for each in (node, *node.above):
            for right in each.siblings()[1]:
                if not self.has_moved(each) and not self.has_moved(right):
                    before += right.leaves()
        for leaf in before:
            self.check(not self.alive[leaf.name], f"{node.id} is stopped before {leaf.id}")

    def has_moved(self, node: Node) -> bool:
        """Whether it was started after the others, and so stands to the right of them.

        A temporary child is forgotten when it ends, and one that was stopped before its turn has
        not been there; what is started then is one more child.
        """
        assert node.parent is not None
        forgotten = node.as_child.get("restart") == "temporary" or node.name in self.left_out
        return forgotten and self.last[node.id, "starting"] > self.last[node.parent.id, "running"]

    def check_states(self) -> None:
        """When nothing happens just now, a state says whether the process is there."""
        infos = {info.id: info for info in self.runtime.services()}
        running = set(self.runtime.list())
        for node in self.nodes.values():
            info = infos.get(node.id)
            state = "unknown" if info is None else info.state.value
            if node.kind == "supervisor":
                if state in DOWN:
                    alive = [leaf.id for leaf in node.leaves() if self.alive[leaf.name]]
                    self.check(not alive, f"{node.id} is {state}, and there is {alive}")
            elif info is not None and info.state.value not in DOWN:
                self.check(info.pid in running, f"{node.id} is {state}, and its process is gone")
                self.check(self.alive[node.name] == 1, f"{node.id} is {state}, and does not live")
            else:
                self.check(info is None or info.pid is None, f"{node.id} is {state}, with a PID")
                self.check(not self.alive[node.name], f"{node.id} is {state}, and lives")

    def check_all_is_up(self) -> None:
        """Nothing is on its way, and everything runs, on the definition that it has now."""
        states = self.states()
        for node in self.nodes.values():
            unit = self.runtime.units.get(node.id)
            self.check(unit is not None and not unit.coming, f"{node.id} is still coming")
            self.check(states.get(node.id) == "running", f"{node.id} is {states.get(node.id)}")
            if node.kind == "service" and self.runtime.registry is not None:
                version = self.runtime.registry.get(node.id).data["args"][1]
                self.check(self.versions[node.name] == version, f"{node.id} is an old one")
