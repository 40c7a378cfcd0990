"""A process's life, from its first step to its end."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import trio
from msgspec import Struct
from trio.lowlevel import disable_ki_protection, enable_ki_protection

from echosvc._channel.core import Channel
from echosvc._exceptions import text_of, words_of
from echosvc._runtime import calls, coroutines, relations
from echosvc._runtime.crash import HostCancelled, report_crash, report_end, report_mishap
from echosvc._runtime.mailbox import Mailbox
from echosvc._runtime.message import Event, EventKind, Message, Question, Result
from echosvc._runtime.pid import Pid
from echosvc._runtime.program import Program
from echosvc._tasks import (
    close_nurseries,
    is_cancelled,
    is_thrown_away,
    open_nurseries,
    sort_out,
)

if TYPE_CHECKING:
    from echosvc._runtime.coroutines import Coroutine
    from echosvc._runtime.host import Host
    from echosvc._runtime.runtime import Runtime
    from echosvc._runtime.signals import Reply


class Process(Struct, eq=False):
    """One process: a task, a mailbox, and what ties it to others.

    What most processes never use (links, monitors, names, coroutines, calls) is `None` until it
    is used, so that an idle process stays small. A Struct, for it is made in a fifth of the time
    that an `__init__` in Python takes, and many processes do no more than begin and end.
    """

    runtime: Runtime
    host: Host
    pid: Pid
    program: Program
    args: tuple[Any, ...]
    mailbox_limit: int
    parent: Pid | None
    context: dict[str, Any] | None
    thread: int
    """The one it runs in; once it has ended none."""
    started_at: float

    box: Mailbox | None = None
    scope: trio.CancelScope | None = None
    """Given with its first step, as is `task`."""
    task: trio.lowlevel.Task | None = None
    sent: int = 0

    trap_links: bool = False
    hears_events: bool = False
    """Whether it ever asked for its events, and so for a CANCEL."""
    on_ready: Callable[[], None] | None = None
    on_end: Callable[[Result], None] | None = None
    next_program: tuple[Program, tuple[Any, ...]] | None = None

    waited_for: bool = False
    """Somebody waits for the result, and answers for its error."""
    failure: BaseException | None = None
    """The first exception of its own code."""
    stop_error: BaseException | None = None
    """Why it is being ended, once it is."""
    stopped_at: float = 0.0
    closing: bool = False
    """Main has ended, and its coroutines are ending."""
    ended: bool = False
    ended_at: float = 0.0

    watchers: dict[Pid, None] | None = None
    """Who gets an EXIT of this one; here and below in the order in which relations were made."""
    watching: dict[Pid, None] | None = None
    """Whose EXIT this one gets."""
    links: dict[Pid, None] | None = None
    names: dict[str, None] | None = None
    holds: dict[Callable[[], object], bool] | None = None
    """How to let go of what it holds, and whether that outlives an upgrade."""
    coroutines: dict[Coroutine[Any], None] | None = None
    calls: dict[int, Channel[Reply]] | None = None
    """Asked by this one."""
    unanswered: dict[int, tuple[Pid, str]] | None = None
    """Asked of this one."""

    def __repr__(self) -> str:
        return f"<process {self.pid} {self.program.name}>"

    @property
    def mailbox(self) -> Mailbox:
        """Its mailbox. Most processes that end soon never need one, and have none: see `box`."""
        box = self.box
        if box is None:
            box = self.box = Mailbox(self.mailbox_limit)
            box.owner = self
        return box

    # -- a message comes in

    def accept(self, message: Message) -> bool:
        """Take a message into the mailbox; False when that is full."""
        if not isinstance(message, Question):
            return self.mailbox.put(message)
        assert message.sender is not None
        if self.unanswered is None:
            self.unanswered = {}
        self.unanswered[message.number] = (message.sender, message.topic)
        if not self.mailbox.put(message):
            del self.unanswered[message.number]
            return False
        return True

    def answer(self, caller: Pid, number: int, topic: str, value: Any) -> None:
        """Send the answer to a call."""
        calls.answer(self, caller, number, topic, value)

    def add_watcher(self, watcher: Pid) -> None:
        """Note a process that wants an EXIT of this one. Asking twice is asking once."""
        if self.watchers is None:
            self.watchers = {}
        self.watchers[watcher] = None

    def take_exit(self, sender: Pid, at: float, result: Result) -> None:
        """Get an EXIT of a process that has ended."""
        if self.watching is not None:
            self.watching.pop(sender, None)
        self.mailbox.put_event(Event(EventKind.EXIT, sender, at, result))

    # -- it holds something that ends with it

    def hold(self, let_go: Callable[[], object], *, through_upgrade: bool = False) -> None:
        """Have this called at the end of the process, in the order of holding.

        An upgrade is the end too for what belonged to the main that ran, and not `through_upgrade`.
        """
        if self.holds is None:
            self.holds = {}
        self.holds[let_go] = through_upgrade

    def unhold(self, let_go: Callable[[], object]) -> None:
        """Do not have it called; does nothing where it was not to be."""
        if self.holds is not None:
            self.holds.pop(let_go, None)

    def _let_go(self, *, ended: bool) -> None:
        for let_go, through_upgrade in tuple((self.holds or {}).items()):
            if ended or not through_upgrade:
                self.unhold(let_go)
                try:
                    let_go()
                except BaseException as exc:  # noqa: BLE001 - told of; the others are let go, too
                    report_mishap(self, exc, "could not let go of what it held")

    # -- it is told to end

    @enable_ki_protection
    def stop(self, error: BaseException) -> None:
        """Cancel the process at its next checkpoint; it ends with this error.

        The first reason counts: what comes while it is ending changes nothing.
        """
        if self.ended or self.stop_error is not None:
            return
        self.stop_error = error
        self.stopped_at = self.runtime.now()
        reason = words_of(error) or text_of(error)
        try:
            if self.scope is not None:
                self.scope.cancel(reason)
            for coroutine in tuple(self.coroutines or ()):
                coroutine.cancel(reason)
        except BaseException as exc:  # noqa: BLE001 - of somebody's `abort_fn`, which trio calls
            report_mishap(self, exc, "could not be cancelled")
        self.runtime.watch.ending(self)

    def fail(self, error: BaseException) -> None:
        """End the process because of an exception that escaped a coroutine."""
        if self._note_failure(error):
            self.stop(error)

    def _note_failure(self, error: BaseException) -> bool:
        """Keep the first exception of its own code, and log the others; tell whether it is that."""
        if self.failure is None:
            self.failure = error
            return True
        if error is not self.failure:  # main may have got it from its coroutine's result()
            report_crash(self, error, "failed again while it was ending")
        return False

    def upgrade(self, program: Program, args: tuple[Any, ...]) -> None:
        """Cancel what runs, and then run this program instead, as the same process."""
        self.next_program = (program, args)
        assert self.scope is not None
        self.scope.cancel("upgrade")

    # -- its life

    @disable_ki_protection
    async def main(self) -> Any:
        """Run its program; the first frame of its own code is below this one."""
        return await self.program.fn(*self.args)

    def leaves_something(self) -> bool:
        """Whether there is more to be done at the end of main than to tell of it."""
        return bool(self.coroutines) or self.stop_error is not None or self.next_program is not None

    async def finish(self, value: Any, *errors: BaseException | None) -> None:
        """Do what is to be done when main has ended, and its task is out of the scope.

        Never raises: whatever main raised, the process ends here, and its host goes on.

        Args:
            value: What main returned.
            errors: What it raised, and what came of a scope that it left open.
        """
        task = trio.lowlevel.current_task()
        try:
            result = await self._outcome(value, errors, task)
        except BaseException as exc:
            if is_thrown_away(exc, task):
                raise
            # Our own fault, but the end has to come.
            report_mishap(self, exc, "has ended, and its coroutines could not be waited for")
            result = Result(error=exc if self.failure is None else self.failure)
        if result is None:
            self._begin_again()
        else:
            self.end(result)

    async def _outcome(
        self, value: Any, errors: tuple[BaseException | None, ...], task: trio.lowlevel.Task
    ) -> Result | None:
        """Wait for the end of what main has left behind; None when the process begins again."""
        # Who was told to end before main returned ends with that, whatever main returned.
        reason = self.stop_error
        self.closing = True
        host_cancelled = is_cancelled()
        asked = self.scope is not None and self.scope.cancel_called
        cancelled = False
        through: BaseException | None = None
        for error in errors:
            if error is not None:
                ended = sort_out(error, cancelled=asked or host_cancelled)
                cancelled = cancelled or ended.cancelled
                if through is None:
                    through = ended.through
                if ended.own is not None:
                    self._note_failure(ended.own)
        if through is not None:
            self.runtime.fall(through)
        if self.stop_error is None:
            self.stop_error = self.failure
        if nurseries := open_nurseries(task):
            self.runtime.watch.ending(self)
            await close_nurseries(nurseries)
        if self.coroutines:
            await coroutines.end_all(self)
        if self.next_program is not None:
            if self.stop_error is None and through is None and not host_cancelled:
                return None
            reason = self.stop_error
        if self.failure is not None:
            reason = self.failure
        if reason is None:
            reason = through
        if reason is None and cancelled:
            reason = HostCancelled()
        return Result(value) if reason is None else Result(error=reason)

    def _begin_again(self) -> None:
        # In a new task, so that no context variable of the old main lives on.
        assert self.next_program is not None
        self.program, self.args = self.next_program
        self.next_program = None
        self.task = self.scope = None
        self.closing = False
        self.hears_events = False
        self.mailbox.unlisten_all()
        self._let_go(ended=False)
        self.host.carriers.run(self)

    @enable_ki_protection
    def end(self, result: Result) -> None:
        """Take the process out of the world, in the promised order.

        Never raises: what goes wrong at one step is reported, and keeps no other from being done.
        """
        if self.ended:
            return
        runtime = self.runtime
        self.ended = True
        self.thread = 0
        self.ended_at = runtime.clock()
        self.task = None
        names = self.names
        try:
            del runtime.processes[self.pid]
            self.host.forget(self)
            if runtime.watch.due:
                runtime.watch.ended(self)
        except BaseException as exc:  # noqa: BLE001 - reported
            report_mishap(self, exc, "has ended, and its host could not be told")
        try:
            if names:
                runtime.names.release(self)
            if self.holds:
                self._let_go(ended=True)
        except BaseException as exc:  # noqa: BLE001 - reported
            report_mishap(self, exc, "has ended, and not all of its names are released")
        try:
            if self.watchers or self.links or self.watching:
                relations.tell_of_end(self, result)
        except BaseException as exc:  # noqa: BLE001 - reported
            report_mishap(self, exc, "has ended, and its monitors and links could not be told")
        try:
            if self.on_end is not None:
                self.on_end(result)
                self.on_end = None
        except BaseException as exc:  # noqa: BLE001 - reported
            report_mishap(self, exc, "has ended, and who waits for it could not be told")
        try:
            if self.box is not None:
                left = self.box.close()
                if self.unanswered:
                    left = calls.answer_leftovers(self, left)
                if left:
                    self._report_unread(left)
        except BaseException as exc:  # noqa: BLE001 - reported
            report_mishap(self, exc, "has ended, and not all who asked it could be told")
        try:
            if result.error is not None or runtime.bus.listening:
                report_end(self, result, names or ())
        except BaseException as exc:  # noqa: BLE001 - reported
            report_mishap(self, exc, "has ended, and that could not be reported")

    def _report_unread(self, left: list[Message]) -> None:
        dead_letters = self.runtime.dead_letters
        if self.host.stopping:
            self.host.unread += len(left)  # it says so for all of its processes together
            dead_letters.add_unread(self.pid, left, logged=False)
        else:
            dead_letters.add_unread(self.pid, left)

    def forget_coroutine(self, coroutine: Coroutine[Any]) -> None:
        """Take a coroutine that has ended off the list."""
        if self.coroutines is not None:
            self.coroutines.pop(coroutine, None)
