"""The kinds of entries as data: what an entry of each kind may say, and what it refers to.

A kind is a name, a msgspec Struct and a list of references. An application's own kind is one more
`Kind`, checked and reported in the same way. Durations are seconds in the spec, however they were
written; defaults are the design's, which are OTP's where OTP has one.
"""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

import msgspec

from echosvc._checks import check_function, check_instance, check_text, given
from echosvc._manifest import variables
from echosvc.errors import Invalid

if TYPE_CHECKING:
    from echosvc._manifest.entry import Entry
    from echosvc.errors import ManifestError

Count = Annotated[int, msgspec.Meta(ge=0)]
"""A whole number, not negative."""


class Seconds(float):
    """A duration: written ``2s``, ``1m30s`` or as a number of seconds, and held in seconds."""

    __slots__ = ()


class Window(Seconds):
    """A duration in which something is counted: not nothing, and not for ever."""

    __slots__ = ()


class _Spec(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What every spec is: checked when made, and never changed."""


class Restart(_Spec, frozen=True, kw_only=True):
    """How long to wait before a failed service is started again, and how often to try."""

    initial_delay: Seconds = Seconds(1)
    max_delay: Seconds = Seconds(90)
    backoff_factor: Annotated[float, msgspec.Meta(ge=1, le=1e6)] = 2.0
    jitter: Annotated[float, msgspec.Meta(ge=0, le=1)] = 0.1
    max_attempts: Count = 0
    """0 tries for ever."""


class Lifecycle(_Spec, frozen=True, kw_only=True):
    """When a service is started, when it counts as up, and how it is stopped."""

    auto_start: bool = False
    start_timeout: Seconds = Seconds(10)
    stop_timeout: Seconds = Seconds(10)
    stable_threshold: Seconds = Seconds(5)
    requires: list[str] = []
    depends_on: list[str] = []
    startup: Literal["required", "optional"] = "required"
    ready: Literal["started", "explicit"] = "started"
    restart: Restart = Restart()


class ProcessHost(_Spec, frozen=True, kw_only=True):
    """`process.host`: runs processes side by side."""

    lifecycle: Lifecycle = Lifecycle()
    mailbox: Count = 65_536
    """Messages that an inbox holds; 0 is no limit. An entry's own `mailbox` comes first."""
    max_processes: Count = 0
    """0 is no limit."""
    allow: list[str] = []
    """Patterns of the ids that may run here (``app:*``); none is all."""
    stop_timeout: Seconds = Seconds(10)


class TerminalHost(_Spec, frozen=True, kw_only=True):
    """`terminal.host`: runs one process with the keyboard and the screen."""

    lifecycle: Lifecycle = Lifecycle()
    mailbox: Count = 65_536
    allow: list[str] = []
    stop_timeout: Seconds = Seconds(10)


class ProcessPy(_Spec, frozen=True, kw_only=True):
    """`process.py`: an ``async def`` in a Python file, to be run as a process."""

    source: str
    """``file://`` and a path relative to the manifest."""
    method: str = "main"
    modules: list[str] = []
    """The echosvc modules that the source imports, beyond those that are always there."""
    host: str | None = None
    """Where it runs when whoever starts it names no host."""
    mailbox: Count | None = None


class FunctionPy(_Spec, frozen=True, kw_only=True):
    """`function.py`: a function in a Python file, to be called with `funcs`."""

    source: str
    """``file://`` and a path relative to the manifest."""
    method: str = "main"
    """An ``async def``; a plain ``def`` for a thread or a subprocess."""
    modules: list[str] = []
    """The echosvc modules that the source imports, beyond those that are always there."""
    pool: Count = 0
    """How many calls run at a time, the rest waiting their turn; 0 is no limit."""
    timeout: Seconds | None = None
    """How long a call may take, with its waiting."""
    thread: bool = False
    subprocess: bool = False

    def __post_init__(self) -> None:
        if self.thread and self.subprocess:
            raise ValueError("a function runs in a thread or in a subprocess, not in both")


class EnvVariable(_Spec, frozen=True, kw_only=True):
    """`env.variable`: an environment variable, with a type."""

    variable: Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")]
    type: Literal["str", "int", "float", "bool", "duration", "list"] = "str"
    default: str | int | float | bool | list[str] | None = None
    required: bool = False
    """Nothing starts without it."""
    storage: str = "os"
    """``os``, or ``file://`` and a path relative to the manifest, for what is not set there."""


class StoreMemory(_Spec, frozen=True, kw_only=True):
    """`store.memory`: keys and values, gone with the runtime."""

    max_keys: Count = 0
    """0 is no limit."""


class StoreSqlite(_Spec, frozen=True, kw_only=True):
    """`store.sqlite`: keys and values in a file."""

    file: Annotated[str, msgspec.Meta(min_length=1)]
    """A path relative to the manifest; made when it is first used."""


class ProcessService(_Spec, frozen=True, kw_only=True):
    """`process.service`: a process that is started, restarted and stopped with the runtime."""

    process: str
    host: str
    args: list[Any] = []
    lifecycle: Lifecycle = Lifecycle()


class Child(_Spec, frozen=True, kw_only=True):
    """One child of a `process.supervisor`, written as a mapping; an id alone has the defaults."""

    entry: str
    restart: Literal["permanent", "transient", "temporary"] = "permanent"
    host: str | None = None
    args: list[Any] = []
    name: str | None = None
    """Tells several children of one entry apart; the entry's id when not given."""
    stop_timeout: Seconds | None = None


class ProcessSupervisor(_Spec, frozen=True, kw_only=True):
    """`process.supervisor`: starts children in order and restarts them by a strategy.

    Children are processes (which need a host: their own, the entry's or the supervisor's),
    services and other supervisors. The words and defaults are OTP's.
    """

    children: list[str | Child]
    strategy: Literal["one_for_one", "one_for_all", "rest_for_one"] = "one_for_one"
    max_restarts: Count = 3
    within: Window = Window(5)
    host: str | None = None
    lifecycle: Lifecycle = Lifecycle()

    def all_children(self) -> list[Child]:
        """Return the children in their order, those that are only an id with the defaults."""
        return [Child(entry=c) if isinstance(c, str) else c for c in self.children]


@dataclass(frozen=True, slots=True)
class Reference:
    """A field that names another entry, and the kinds which that may be.

    In `path`, ``"*"`` stands for every item of a list. No `kinds` means: anything that can be
    started, that is, has a lifecycle.

    Raises:
        Invalid: A part of it is of another type.
    """

    path: tuple[str, ...]
    kinds: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for what, words in (("path", self.path), ("kinds", self.kinds)):
            check_instance(what, words, tuple, "a tuple of str")
            for word in words:
                check_text(f"a part of {what}", word)


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of entry.

    Attributes:
        name: What an entry calls it; two words with a dot, the first for whose it is.
        spec: What an entry may say: a Struct, whose fields' types and defaults are checked.
        references: The fields that name other entries, and which kinds these may be.
        check: Finds what is wrong in an entry beyond that: `entry.fault(message, *path)`.
        run: What an entry does whose spec has a `lifecycle`: an ``async def`` that gets the entry.
            It is the main of a process, which is started, restarted and stopped as a service is.

    Raises:
        Invalid: A part of it is of another type.
    """

    name: str
    spec: type[msgspec.Struct]
    references: tuple[Reference, ...] = ()
    check: Callable[[Entry], Iterable[ManifestError]] | None = None
    run: Callable[[Entry], Awaitable[object]] | None = None

    def __post_init__(self) -> None:
        check_text("name", self.name)
        wanted = "a class below kinds.Spec"
        check_instance(f"{self.name}: spec", self.spec, type, wanted)
        if not issubclass(self.spec, msgspec.Struct):
            raise Invalid(f"{self.name}: spec: expected {wanted}, got {self.spec.__name__}")
        check_instance(f"{self.name}: references", self.references, tuple, "a tuple of Reference")
        for reference in self.references:
            check_instance(f"{self.name}: references", reference, Reference, "a Reference")
        for what, fn in (("check", self.check), ("run", self.run)):
            if fn is not None:
                check_function(f"{self.name}: {what}", fn)

    @property
    def startable(self) -> bool:
        """Whether entries of this kind have a lifecycle of their own."""
        return "lifecycle" in self.spec.__struct_fields__


HOSTS: Final = ("process.host", "terminal.host")
_ORDER: Final = (
    Reference(("lifecycle", "requires", "*")),
    Reference(("lifecycle", "depends_on", "*")),
)
CHILD_KINDS: Final = ("process.py", "process.service", "process.supervisor")

KINDS: Final[dict[str, Kind]] = {
    kind.name: kind
    for kind in (
        Kind("terminal.host", TerminalHost, _ORDER),
        Kind("process.host", ProcessHost, _ORDER),
        Kind("process.py", ProcessPy, (Reference(("host",), HOSTS),)),
        Kind("function.py", FunctionPy),
        Kind("env.variable", EnvVariable, check=variables.check),
        Kind("store.memory", StoreMemory),
        Kind("store.sqlite", StoreSqlite),
        Kind(
            "process.service",
            ProcessService,
            (Reference(("process",), ("process.py",)), Reference(("host",), HOSTS), *_ORDER),
        ),
        Kind(
            "process.supervisor",
            ProcessSupervisor,
            (
                Reference(("host",), HOSTS),
                Reference(("children", "*"), CHILD_KINDS),
                Reference(("children", "*", "entry"), CHILD_KINDS),
                Reference(("children", "*", "host"), HOSTS),
                *_ORDER,
            ),
        ),
    )
}
"""The kinds that are always there, by name."""


def decode(kind: type, value: Any) -> Any:
    """Turn a plain value into `Seconds` or a `Window`; what msgspec calls for types of our own.

    Raises ValueError with the words for the fault.
    """
    if kind is not Seconds and kind is not Window:
        raise ValueError(f"{kind.__name__} cannot stand in a manifest")
    # Late, because it brings trio, and a listing of entries needs none of it.
    from echosvc.time import parse_duration

    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise ValueError("expected a duration such as 10s or 1m30s")
    try:
        seconds = parse_duration(value)
    except (Invalid, OverflowError) as exc:
        raise ValueError(str(exc)) from exc
    if math.isnan(seconds) or seconds < 0:
        raise ValueError(f"a duration of {given(value)} is less than nothing")
    if kind is Window and not 0 < seconds < math.inf:
        raise ValueError(f"nothing can be counted within {value}, write a time such as 5s")
    return kind(seconds)
