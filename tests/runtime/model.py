"""The process model on one page: plain data, no tasks, nothing that waits.

A program is a list of steps. A step lets one process do a block of things in one go, and then
everything settles. What is left open by that, and so by the model too, is the order in which
several processes end that were told to in one block: that order the model is given. It says whether
it may be so, and what follows from it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

Outcome = str
Op = tuple[Any, ...]
CALL_TIMEOUT = 5.0


@dataclass
class Proc:
    """A process, as the model knows it."""

    index: int
    alive: bool = True
    stopped: str | None = None  # why it is ending, once it is
    culprit: int | None = None  # whose failure has stopped it
    trap: bool = False
    links: set[int] = field(default_factory=set)
    watching: set[int] = field(default_factory=set)
    watchers: set[int] = field(default_factory=set)
    mailbox: list[tuple[Any, ...]] = field(default_factory=list)
    questions: list[int] = field(default_factory=list)  # calls received and not answered
    seen: list[tuple[Any, ...]] = field(default_factory=list)
    outcomes: list[Outcome] = field(default_factory=list)
    answers: list[Outcome] = field(default_factory=list)


@dataclass
class Call:
    number: int
    caller: int
    callee: int
    deadline: float
    pending: bool = True


class Model:
    """All processes, and what happens to them."""

    def __init__(self, roots: int) -> None:
        self.procs = [Proc(index) for index in range(roots)]
        self.names: dict[str, int] = {}
        self.calls: list[Call] = []
        self.now = 0.0
        self.dead_letters = 0

    # -- steps

    def block(self, index: int, ops: list[Op], ended: list[int]) -> None:
        """Let a process do these things in one go; then let everything settle."""
        proc = self.procs[index]
        for op in ops:
            outcome = getattr(self, f"do_{op[0]}")(proc, *op[1:])
            proc.outcomes.append(f"{op[0]}: {outcome}")
            if op[0] in ("fail", "return"):
                break
        self.settle(ended)

    def sleep(self, seconds: float) -> None:
        """Let time pass."""
        self.now += seconds
        for call in self.calls:
            if call.pending and call.deadline <= self.now:
                call.pending = False
                self.procs[call.caller].answers.append("CallTimeout")

    def settle(self, ended: list[int]) -> None:
        """End, in this order, those that were told to, and those that this tells to."""
        for index in ended:
            proc = self.procs[index]
            assert proc.alive, f"{index} ended twice"
            assert proc.stopped is not None, f"{index} ended, and nothing told it to"
            self.end(proc)
        late = [p.index for p in self.procs if p.alive and p.stopped is not None]
        assert late == [], f"{late} were told to end, and did not"

    # -- the end of a process

    def end(self, proc: Proc) -> None:
        how, me = proc.stopped, proc.index
        proc.alive = False
        self.names = {name: owner for name, owner in self.names.items() if owner != me}
        for other in sorted(proc.watchers):
            watcher = self.procs[other]
            watcher.watching.discard(me)
            if watcher.alive:
                watcher.mailbox.append(("EXIT", me, how, proc.culprit))
        for other in sorted(proc.links):
            peer = self.procs[other]
            peer.links.discard(me)
            if how == "return" or not peer.alive:
                continue
            if peer.trap:
                peer.mailbox.append(("LINK_DOWN", me, how, proc.culprit))
            elif peer.stopped is None:
                peer.stopped, peer.culprit = "LinkDown", me
        for other in proc.watching:
            self.procs[other].watchers.discard(me)
        unread = [item for item in proc.mailbox if item[0] in ("message", "call")]
        for call in self.calls:
            if call.pending and call.callee == me:
                call.pending = False
                caller = self.procs[call.caller]
                if caller.stopped is None:  # who is ending has nothing given back any more
                    caller.answers.append("ProcessNotFound")
                    given_back = ("call", caller.index, call.number)
                    unread = [item for item in unread if item != given_back]
            elif call.pending and call.caller == me:
                call.pending = False
        self.dead_letters += len(unread)

    # -- what a process does

    def find(self, dest: Any) -> Proc | None:
        index = self.names.get(dest) if isinstance(dest, str) else dest
        proc = None if index is None else self.procs[index]
        return proc if proc is not None and proc.alive else None

    @staticmethod
    def nobody(dest: Any) -> Outcome:
        return "NameNotFound" if isinstance(dest, str) else "ProcessNotFound"

    def do_spawn(self, me: Proc, monitor: bool, link: bool, name: str | None) -> Outcome:
        taken = None if name is None else self.find(name)
        if taken is not None:
            if monitor:
                self.do_monitor(me, taken.index)
            if link and self.do_link(me, taken.index) == "Invalid":
                return "Invalid"
            return f"is {taken.index}"
        child = Proc(len(self.procs))
        self.procs.append(child)
        if name is not None:
            self.names[name] = child.index
        if monitor:
            self.do_monitor(me, child.index)
        if link:
            self.do_link(me, child.index)
        return f"is {child.index}"

    def do_monitor(self, me: Proc, dest: Any) -> Outcome:
        other = self.find(dest)
        if other is None:
            if isinstance(dest, str):
                return self.nobody(dest)
            me.mailbox.append(("EXIT", dest, "ProcessNotFound", None))
        else:
            me.watching.add(other.index)
            other.watchers.add(me.index)
        return "ok"

    def do_unmonitor(self, me: Proc, dest: int) -> Outcome:
        me.watching.discard(dest)
        self.procs[dest].watchers.discard(me.index)
        return "ok"

    def do_link(self, me: Proc, dest: Any) -> Outcome:
        other = self.find(dest)
        if other is me:
            return "Invalid"
        if other is None:
            return self.nobody(dest)
        me.links.add(other.index)
        other.links.add(me.index)
        return "ok"

    def do_unlink(self, me: Proc, dest: int) -> Outcome:
        me.links.discard(dest)
        self.procs[dest].links.discard(me.index)
        return "ok"

    def do_send(self, me: Proc, dest: Any, n: int) -> Outcome:
        other = self.find(dest)
        if other is None:
            return self.nobody(dest)
        other.mailbox.append(("message", me.index, n))
        return "ok"

    def do_call(self, me: Proc, dest: Any, number: int) -> Outcome:
        other = self.find(dest)
        if other is None:
            me.answers.append(self.nobody(dest))
        elif other is me:
            me.answers.append("Invalid")
        else:
            self.calls.append(Call(number, me.index, other.index, self.now + CALL_TIMEOUT))
            other.mailbox.append(("call", me.index, number))
        return "ok"

    def do_reply(self, me: Proc) -> Outcome:
        if not me.questions:
            return "nothing asked"
        number = me.questions.pop(0)
        call = next(call for call in self.calls if call.number == number)
        caller = self.procs[call.caller]
        if call.pending:
            call.pending = False
            # Who is ending is not woken by an answer any more.
            if caller.stopped is None:
                caller.answers.append(f"answer {number}")
            else:
                self.dead_letters += 1
        else:
            self.dead_letters += 1
        return "ok"

    def do_receive(self, me: Proc) -> Outcome:
        taken = sorted(me.mailbox, key=lambda item: item[0] != "CANCEL")
        me.mailbox.clear()
        me.seen.extend(taken)
        me.questions.extend(item[2] for item in taken if item[0] == "call")
        return "ok"

    def do_cancel(self, me: Proc, dest: Any) -> Outcome:
        other = self.find(dest)
        if other is None:
            return self.nobody(dest)
        if ("CANCEL", me.index) not in other.mailbox:
            other.mailbox.append(("CANCEL", me.index))
        return "ok"

    def do_terminate(self, me: Proc, dest: Any) -> Outcome:
        other = self.find(dest)
        if other is None:
            return self.nobody(dest)
        if other.stopped is None:
            other.stopped = "Terminated"
        return "ok"

    def do_register(self, me: Proc, name: str, dest: int) -> Outcome:
        other, owner = self.find(dest), self.find(name)
        if other is None:
            return "ProcessNotFound"
        if owner is not None and owner is not other:
            return "NameTaken"
        self.names[name] = other.index
        return "ok"

    def do_unregister(self, me: Proc, name: str) -> Outcome:
        return str(self.names.pop(name, None) is not None)

    def do_trap(self, me: Proc, on: bool) -> Outcome:
        me.trap = on
        return "ok"

    def do_fail(self, me: Proc) -> Outcome:
        # What it is told to end with goes before what main returns, and after what it raises.
        me.stopped, me.culprit = "Failure", None
        return "ok"

    def do_return(self, me: Proc) -> Outcome:
        if me.stopped is None:
            me.stopped = "return"
        return "ok"
