"""Processes hand over to each other directly, without a pass through trio's scheduler.

A pass of trio's is 5 µs in which no code of anybody's runs: it looks for I/O, for deadlines, and
makes a batch. So trio's task of a process does not step the process's coroutine; it awaits a `Seat`
that does. A seat that trio resumes steps its own process and then, one after another in the order
of waking, those that are woken meanwhile, until

- none is left,
- the slice is used up (`Run`),
- a task of trio's is ready, for it has its turn, or
- a process asks trio for its scheduler: a checkpoint.

For each step the seat does what trio's loop does around one: the current task, the task's context
variables, its abort function, a cancellation that is pending. A process that then waits for
something of trio's is blocked in trio like any other task, because its task never was anything
else: events, nurseries, sockets, cancel scopes and deadlines work in it unchanged.

This is the one file that knows private names of trio, and what each is for:

| name | for |
|---|---|
| ``_core._run.GLOBAL_RUN_CONTEXT.task`` | which task is running: `trio.lowlevel.current_task()` |
| ``Task._abort_func`` | what a cancellation calls while the task waits; None once it is woken |
| ``Task._next_send_fn`` | whether the task has been scheduled |
| ``Task._cancel_status`` | the cancel scopes that the task is in |
| ``CancelStatus.effectively_cancelled`` | whether one of them is cancelled |
| ``Task._attempt_delivery_of_any_pending_cancel()`` | calls the abort function, if so |
| ``Task._runner`` | the run |
| ``Runner.runq`` | tasks of trio's that are ready |
| ``Runner.instruments["_all"]`` | instruments, which are to be told of each step |
| ``WaitTaskRescheduled.abort_func`` | what a task yields to be blocked |
| ``SystemClock.offset`` | the time without two calls; not needed for the rest |
| ``Nursery._closed`` | a nursery that was left open takes no more tasks; likewise not needed |
| ``Task._child_nurseries`` | the task has left them all behind; likewise |

Where one is missing, or is not what it was, `SUPPORTED` is False, everything goes through trio, and
one line in the log at DEBUG says so. ``ECHOSVC_HANDOVER=0`` in the environment does the same; it
is read once, at import. (``ECHOSVC_HANDOVER=seed=7`` keeps the hand-over and lets a seed choose the
order and the ends of slices, for tests.)
"""

from __future__ import annotations

import functools
import logging
import math
import os
import types
from collections.abc import Awaitable, Callable, Coroutine, Generator, Iterator
from random import Random
from time import perf_counter
from typing import Any, Final, TypeVar

import trio
from trio.abc import Instrument
from trio.lowlevel import (
    Abort,
    RunVar,
    Task,
    cancel_shielded_checkpoint,
    current_clock,
    current_task,
    enable_ki_protection,
    reschedule,
    wait_task_rescheduled,
)

from echosvc._channel.alarm import set_alarm
from echosvc._channel.run import Run, SeededRun
from echosvc._channel.waiting import Place, Waiter

T = TypeVar("T")

log = logging.getLogger("echosvc.channel")

# What a process yields to its seat, and never gets to trio.
_PARKED: Final = "parked"  # with its seat: whoever claims that has it stepped again
_AGAIN: Final = "again"  # it is ready, and its next step is to be in the context its task then has


class _Names:
    """Trio's private names, and the traps that its loop understands; found at import."""

    def __init__(self) -> None:
        from trio._core import _run

        for kind, names in {
            Task: "_abort_func _next_send_fn _cancel_status _runner",
            _run.CancelStatus: "effectively_cancelled",
            _run.Runner: "runq instruments",
        }.items():
            for name in names.split():
                # A slot, and so an attribute of every object of this class.
                if not isinstance(getattr(kind, name), types.MemberDescriptorType):
                    raise AttributeError(f"{kind.__name__}.{name} is not a slot")
        if not callable(Task._attempt_delivery_of_any_pending_cancel):
            raise AttributeError("Task._attempt_delivery_of_any_pending_cancel is no method")
        self.not_abortable: Any = _trap(wait_task_rescheduled, _refuse_to_abort)
        self.blocked: Any = type(self.not_abortable)
        if self.blocked(_refuse_to_abort).abort_func is not _refuse_to_abort:
            raise AttributeError("a blocked task does not yield its abort function")
        self.checkpoint: Any = _trap(cancel_shielded_checkpoint)
        if _trap(cancel_shielded_checkpoint) is not self.checkpoint:
            raise AttributeError("a checkpoint does not yield the same object each time")
        if _run.Instruments([])["_all"] != {}:  # type: ignore[attr-defined]  # its home is private
            raise AttributeError("instruments are not kept under _all")
        self.running: Any = _run.GLOBAL_RUN_CONTEXT
        self.clock: Any = getattr(_run, "SystemClock", None)


def _trap(fn: Callable[..., Coroutine[Any, Any, Any]], *args: object) -> Any:
    """Give what this yields to trio's loop."""
    waiting = fn(*args)
    try:
        return waiting.send(None)
    finally:
        waiting.close()


def _refuse_to_abort(_raise_cancel: object) -> Abort:
    return Abort.FAILED


try:
    _names: _Names | None = _Names()
    _missing = ""
except (ImportError, AttributeError, TypeError) as error:
    _names, _missing = None, str(error)

SUPPORTED: Final = _names is not None
"""Whether this trio is one in which processes can be handed over to."""

_wish: Final = os.environ.get("ECHOSVC_HANDOVER", "").strip().lower()

HANDS_OVER: Final = SUPPORTED and _wish not in ("0", "off", "no", "false")
"""Whether they are."""

if _names is not None:
    _Blocked, _CHECKPOINT, _RUNNING = _names.blocked, _names.checkpoint, _names.running
    _NOT_ABORTABLE = _names.not_abortable


# -- the run


def _new_run() -> Run:
    now = _clock_of(current_clock())
    if not HANDS_OVER:
        if not SUPPORTED:
            log.debug("processes go through trio's scheduler: %s", _missing)
        return make_run(now)
    runner = current_task()._runner
    return make_run(now, runner.runq, runner.instruments["_all"])


def _clock_of(clock: trio.abc.Clock) -> Callable[[], float]:
    """Give what tells the time of this clock, for trio's own without two calls."""
    offset = getattr(clock, "offset", None)
    if _names is None or type(clock) is not _names.clock or type(offset) is not float:
        return clock.current_time

    def now(offset: float = offset, counter: Callable[[], float] = perf_counter) -> float:
        return offset + counter()

    return now


make_run: Callable[..., Run] = Run
"""What makes the runs that begin from now on; tests put a kind of their own here."""
if _wish.startswith("seed="):
    make_run = functools.partial(SeededRun, random=Random(_wish.removeprefix("seed=")))

_run: RunVar[Run] = RunVar("echosvc run")


def current_run() -> Run:
    """Give what the channels of the current run of trio share."""
    try:
        return _run.get()
    except LookupError:
        made = _new_run()
        _run.set(made)
        return made


def may_be_cancelled(task: Task) -> bool:
    """Whether to ask trio if a task is cancelled: it is, or nothing but asking tells."""
    return task._cancel_status.effectively_cancelled if SUPPORTED else True


def scopes_of(task: Task) -> object:
    """Give what is another object when the task is in other cancel scopes; None if nothing is."""
    return task._cancel_status if SUPPORTED else None


def shut(nursery: Any) -> None:
    """Let a nursery that was left open take no more tasks, as trio does when its task ends."""
    nursery._closed = True


def forget_nurseries(task: Any) -> None:
    """Let a task end that has left nurseries open, once nothing runs in them any more.

    Where trio keeps them elsewhere it finds them when the task ends, and ends the host for them.
    """
    getattr(task, "_child_nurseries", []).clear()


# -- waiting


@types.coroutine
def wait(waiter: Waiter) -> Generator[Any, Any, None]:
    """Wait, parked, until somebody claims or wakes the waiter.

    Cancelled, it has left all its places, and nobody has handed it anything.
    """
    if type(waiter) is Seat:
        outcome = yield _PARKED
    elif SUPPORTED:
        outcome = yield _Blocked(waiter._abort)  # what trio's own does, in two coroutines
    else:
        outcome = None
        blocked = wait_task_rescheduled(waiter._abort)  # noqa: ASYNC105 - in the next line
        yield from blocked.__await__()
    if outcome is not None:
        outcome.unwrap()  # trio resumed it: raises, if it was for a cancellation


@types.coroutine
def begin_again(run: Run) -> Generator[Any, Any, None]:
    """Let those that are ready have their turn, and go on in the context that the task then has."""
    if run.seat is not None:
        yield _AGAIN
    else:
        checkpoint = cancel_shielded_checkpoint()  # noqa: ASYNC105 - in the next line
        yield from checkpoint.__await__()


def enter_all(places: tuple[Place, ...], run: Run) -> Waiter:
    """Park the current task on all the places, for `wait`."""
    seat = run.seat
    if seat is None:
        waiter = Waiter(places)
    else:
        waiter = seat  # a process waits for one thing at a time
        waiter.claimed = waiter.sent = False
        waiter.places = places
    for place in places:
        place._park(waiter)
    return waiter


# Ctrl-C may interrupt Python anywhere, and a waiter must not be parked on half of its places.
@enable_ki_protection
async def park(places: tuple[Place, ...], deadline: float = math.inf) -> Waiter:
    """Wait on all the places until a partner claims the waiter or the deadline comes.

    Returns the waiter; if it is not `claimed`, the caller has to look again. Cancelled, it has
    left every place and nobody has handed it anything.
    """
    waiter = enter_all(places, current_run())
    if deadline != math.inf:
        waiter.alarm = set_alarm(deadline, waiter)
    await wait(waiter)
    return waiter


# -- the seat


class Seat(Waiter):
    """Steps the coroutine of a process in its task, and the processes that it wakes.

    Awaited once, by the task: ``value = await Seat(coroutine)``.
    """

    __slots__ = ("behind", "coro", "ended", "main", "run", "trap")

    def __init__(self, main: Coroutine[Any, Any, Any]) -> None:
        super().__init__(())
        self.main: Any = main
        self.run = current_run()
        self.coro = self.task.coro  # what trio resumes
        self.ended: BaseException | None = None  # how, in a step that was not its own task's
        self.trap: Any = None  # what only trio can answer, once it has resumed this
        self.behind = False  # it was ready when a slice ended, and trio is to resume it

    # `Task.iter_await_frames` takes this for a generator: it is to see the coroutine in its place.

    @property
    def gi_frame(self) -> Any:
        """The outermost frame of what is stepped."""
        return self.main.cr_frame

    @property
    def gi_yieldfrom(self) -> Any:
        """What that waits in."""
        return self.main.cr_await

    def __await__(self) -> Seat:
        return self

    def __iter__(self) -> Seat:
        return self

    def __next__(self) -> object:
        return self.send(None)

    def throw(self, *error: Any) -> object:
        """Let an exception come up where the coroutine waits."""
        return self.main.throw(*error)

    def close(self) -> None:
        """End the coroutine where it waits."""
        self.main.close()

    def _resume(self) -> None:
        run = self.run
        task = self.task
        # Not inline outside of a seat's step, for then no seat would come to it; nor past what
        # somebody else has put around the coroutine for trio to resume, as greenback does.
        if run.seat is not None and task.coro is self.coro:
            task._abort_func = None  # it is scheduled: no cancellation reaches it any more
            run.ready.append(self)
        else:
            reschedule(task)

    def send(self, value: Any) -> object:
        """Be resumed by trio: step the own process, and those that are woken meanwhile."""
        run = self.run
        own = self.task
        ready = run.ready
        rests = False
        if self.behind:
            self.behind = False
            run.behind -= 1
            if not run.behind:  # all that were left have had a step in this pass of trio's
                run.begin_again()
                rests, run.rests = run.rests, False
        try:  # whatever happens: a process that is ready must not be forgotten
            if self.ended is not None:
                ended, self.ended = self.ended, None
                try:
                    raise ended
                finally:
                    del ended  # its traceback has this frame: together they would be garbage
            if self.trap is not None:
                trap, self.trap = self.trap, None
                return trap
            if own.coro is not self.coro or (run.instruments and _tells_of_steps(run)):
                # Instruments are told of each step; and what is put around the coroutine may leave
                # it in the middle of a step. So this process is one of trio's tasks like any other.
                return self.main.send(value)
            run.driver = seat = self
            entered = own.context
            while True:
                task = seat.task
                run.seat = seat
                try:
                    if task.context is entered:
                        trap = seat.main.send(value)
                    else:
                        trap = task.context.run(seat.main.send, value)
                except BaseException as error:
                    if seat is self:
                        raise
                    # Its own task goes on with that; the frame of this function is none of its.
                    seat.ended = error.with_traceback(error.__traceback__.tb_next)  # type: ignore[union-attr]  # this frame is in it
                    reschedule(task)
                    break
                # What trio's loop does with what a task has yielded.
                if trap is _PARKED:
                    task._abort_func = seat._abort
                elif trap is _AGAIN:
                    ready.append(seat)
                elif type(trap) is _Blocked:
                    task._abort_func = trap.abort_func
                elif seat is self:
                    return trap  # a checkpoint; or nothing of trio's, which trio will say
                else:
                    if trap is not _CHECKPOINT:
                        seat.trap = trap
                    reschedule(task)
                    break
                if task._cancel_status.effectively_cancelled:
                    task._attempt_delivery_of_any_pending_cancel()
                # A task of trio's that is ready has its turn now.
                if rests or not ready or run.behind or run.runnable:
                    break
                if run.instruments and _tells_of_steps(run):
                    break
                run.left -= 1
                if run.left <= 0 and run.is_used_up():
                    break
                seat = ready.popleft()
                if seat.task.coro is not seat.coro:  # something was put around it meanwhile
                    reschedule(seat.task)
                    break
                _RUNNING.task = seat.task
                value = None
        finally:
            run.seat = run.driver = None
            _RUNNING.task = own
            if ready and not run.behind:
                # Each has a step in trio's next pass, as every task of trio's that is ready has.
                # Until the last of them has had it, none of them steps another: one busy pair
                # would else have whole slices, and the others one step in each pass.
                run.behind = len(ready)
                # In that pass not even the last of them does: tasks of trio's that have their turn
                # in it, too, may come behind it, and would wait for a slice more.
                run.rests = not rests
                for left in ready:
                    left.behind = True
                    reschedule(left.task)
                ready.clear()
        # For trio this task has been running all the time. Now it is blocked, as trio is told; or
        # it has been scheduled again meanwhile, or what it waits for will not be aborted.
        if own._next_send_fn is not None or own._abort_func is None:
            return _NOT_ABORTABLE
        return _Blocked(own._abort_func)


_STEP_HOOKS: Final = ("task_scheduled", "before_task_step", "after_task_step")


def _tells_of_steps(run: Run) -> bool:
    """Whether an instrument is to be told of steps, and not of passes or tasks alone."""
    for instrument in run.instruments:
        for name in _STEP_HOOKS:
            hook = getattr(instrument, name, None)
            if getattr(hook, "__func__", hook) not in (None, getattr(Instrument, name)):
                return True
    return False


def seated(main: Coroutine[Any, Any, T]) -> Awaitable[T]:
    """Give what the current task awaits to run a coroutine so that others hand over to it.

    No coroutine of its own: that would be 200 bytes for each process.
    """
    return Seat(main) if HANDS_OVER else main


def frames_of(task: Task) -> Iterator[tuple[types.FrameType, int]]:
    """Give the frames that a task waits in, and their lines, outermost first."""
    driver = current_run().driver
    if driver is None or driver.task is not task:
        return task.iter_await_frames()
    # For Python it is running, since its seat steps others; what it waits in is below that. The
    # method looks at nothing of a task but its coroutine.
    below: Any = types.SimpleNamespace(coro=driver.main)
    return Task.iter_await_frames(below)
