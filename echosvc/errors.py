"""Everything that echosvc raises on purpose.

The tree::

    Exception
    └── Error                     .kind .message .retryable .details .exit_code
        ├── NotFound              there is no such thing
        │   ├── ProcessNotFound       the PID has ended, or never was       (.pid)
        │   └── NameNotFound          nobody has registered this name       (.name)
        ├── AlreadyExists         there is one already
        │   └── NameTaken             another process owns this name        (.name .owner)
        ├── Invalid               the request is wrong, and stays wrong
        │   └── ManifestError         a fault in a manifest or its source   (.file .line .hint)
        ├── PermissionDenied      refused by a rule (a host's `allow`, say)
        ├── Unavailable           not here, or not now
        │   └── GaveUp                a supervisor used up its restarts     (.causes)
        ├── Internal              it failed inside
        │   └── StartFailed           a process or child did not come up    (.target)
        ├── Canceled              ended before it was done
        │   ├── LinkDown              a linked process failed               (.pid .reason .root)
        │   └── Terminated            the process was told to end           (.reason)
        ├── Conflict              the state is not what the request assumed
        ├── Timeout               not done in time
        │   └── CallTimeout           no answer to a call in time           (.pid .topic .timeout)
        └── RateLimited           too much at once
            └── MailboxFull           undelivered: the mailbox has no room  (.pid .undelivered)

Which to catch: *gone* is `ProcessNotFound`, *unknown* is `NameNotFound`, *full* is `MailboxFull`,
*slow* is `CallTimeout`, *refused* is `PermissionDenied`, *too many* is `RateLimited`. `Error`
catches them all, and nothing that your own code raises.

The kinds are the seed's, and the field's: one word that survives a log line or a wire, where a
class does not.
"""

from __future__ import annotations

from typing import Any, ClassVar, Final

from echosvc._exceptions import is_a, text_of

__all__ = [
    "AlreadyExists",
    "CallTimeout",
    "Canceled",
    "Conflict",
    "Error",
    "GaveUp",
    "Internal",
    "Invalid",
    "LinkDown",
    "MailboxFull",
    "ManifestError",
    "NameNotFound",
    "NameTaken",
    "NotFound",
    "PermissionDenied",
    "ProcessNotFound",
    "RateLimited",
    "StartFailed",
    "Terminated",
    "Timeout",
    "Unavailable",
]

EXIT_FAILED: Final = 1
EXIT_USAGE: Final = 2
EXIT_GAVE_UP: Final = 3
EXIT_MANIFEST: Final = 4


class Error(Exception):
    """Anything that echosvc refuses or fails to do.

    Args:
        message: One sentence for a person: what is wrong and, where known, what to do.
        retryable: Whether the same request may succeed later. `None` takes the kind's own answer.
            A service whose process ends with an error of ``retryable=False`` is not restarted.
        details: Anything more, by name, for a log or a program.

    An application may raise these itself, or derive its own; they keep their kind when they
    travel from one process to another.
    """

    kind: ClassVar[str] = "error"
    exit_code: ClassVar[int] = EXIT_FAILED
    """What the command line ends with when this error is the reason."""
    retryable_by_kind: ClassVar[bool | None] = None

    def __init__(
        self,
        message: str = "",
        *,
        retryable: bool | None = None,
        details: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.retryable: bool | None = self.retryable_by_kind if retryable is None else retryable
        self.details: dict[str, Any] = {} if details is None else details


class NotFound(Error):
    """There is no such thing."""

    kind = "not_found"
    retryable_by_kind = False


class ProcessNotFound(NotFound):
    """The process has ended, or there never was one with this PID. PIDs are not used twice."""

    def __init__(
        self,
        message: str = "",
        *,
        pid: str = "",
        topic: str = "",
        undelivered: object = None,
        retryable: bool | None = None,
        details: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(message or f"no process {pid}", retryable=retryable, details=details)
        self.pid = pid
        self.topic = topic
        self.undelivered = undelivered


class NameNotFound(NotFound):
    """Nobody has registered this name; somebody may yet, so it is worth trying again."""

    retryable_by_kind = True

    def __init__(
        self,
        message: str = "",
        *,
        name: str = "",
        topic: str = "",
        undelivered: object = None,
        retryable: bool | None = None,
        details: dict[str, Any] | None = None,
    ) -> None:
        message = message or f"no process is registered as {name!r}"
        super().__init__(message, retryable=retryable, details=details)
        self.name = name
        self.topic = topic
        self.undelivered = undelivered


class AlreadyExists(Error):
    """There is one already."""

    kind = "already_exists"
    retryable_by_kind = False


class NameTaken(AlreadyExists):
    """Another process owns this name; `owner` is its PID."""

    def __init__(
        self,
        message: str = "",
        *,
        name: str = "",
        owner: str = "",
        retryable: bool | None = None,
        details: dict[str, Any] | None = None,
    ) -> None:
        message = message or f"the name {name!r} belongs to {owner}"
        super().__init__(message, retryable=retryable, details=details)
        self.name = name
        self.owner = owner


class Invalid(Error):
    """The request itself is wrong, and would be wrong again."""

    kind = "invalid"
    exit_code = EXIT_USAGE
    retryable_by_kind = False


class ManifestError(Invalid):
    """A fault in a manifest, or in a source that a manifest names.

    `str()` of it is one line, as a compiler writes it: ``file:line:column: entry: what, what to
    do``. `faults` holds every fault of a load when there are several; the first is this one.
    """

    exit_code = EXIT_MANIFEST

    def __init__(
        self,
        message: str = "",
        *,
        file: str = "",
        line: int = 0,
        column: int = 0,
        entry: str = "",
        hint: str = "",
        retryable: bool | None = None,
        details: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(message, retryable=retryable, details=details)
        self.file = file
        self.line = line
        self.column = column
        self.entry = entry
        self.hint = hint
        self.faults: tuple[ManifestError, ...] = (self,)

    def __str__(self) -> str:
        place = ":".join(str(part) for part in (self.file, self.line, self.column) if part)
        parts = [part for part in (place, self.entry, self.message) if part]
        text = ": ".join(parts)
        return f"{text}, {self.hint}" if self.hint else text


class PermissionDenied(Error):
    """Refused by a rule, not by chance."""

    kind = "permission_denied"
    retryable_by_kind = False


class Unavailable(Error):
    """Not here (outside a process, say), or not now (a host that is stopping, say)."""

    kind = "unavailable"
    retryable_by_kind = True


class GaveUp(Unavailable):
    """A supervisor used up its restarts; `causes` are the errors that it restarted after."""

    exit_code = EXIT_GAVE_UP
    retryable_by_kind = False

    def __init__(
        self,
        message: str = "",
        *,
        causes: tuple[BaseException, ...] = (),
        retryable: bool | None = None,
        details: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(message, retryable=retryable, details=details)
        self.causes = causes


class Internal(Error):
    """It failed inside; `__cause__` says how, where that is known."""

    kind = "internal"


class StartFailed(Internal):
    """A process or a child did not come up; `__cause__` is what it raised."""

    def __init__(
        self,
        message: str = "",
        *,
        target: str = "",
        retryable: bool | None = None,
        details: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(message, retryable=retryable, details=details)
        self.target = target


class Canceled(Error):
    """Ended before it was done, because somebody wanted that."""

    kind = "canceled"


class LinkDown(Canceled):
    """A linked process failed; `pid` is that process, `reason` what it ended with.

    `root` is the failure at the other end of a chain of links, whose every member ended with the
    `LinkDown` of the one before it.
    """

    def __init__(
        self,
        message: str = "",
        *,
        pid: str = "",
        reason: BaseException | None = None,
        retryable: bool | None = None,
        details: dict[str, Any] | None = None,
    ) -> None:
        # Of a chain only the root is told: each reason in full would be as long as the chain.
        root = reason.root if is_a(reason, LinkDown) else reason
        failed = "failed" if root is None else f"failed: {text_of(root)}"
        super().__init__(
            message or f"linked process {pid} {failed}", retryable=retryable, details=details
        )
        self.pid = pid
        self.reason = reason
        self.root: BaseException | None = root


class Terminated(Canceled):
    """The process was told to end, and did not do so by itself."""

    def __init__(
        self,
        message: str = "",
        *,
        reason: str = "",
        retryable: bool | None = None,
        details: dict[str, Any] | None = None,
    ) -> None:
        message = message or (f"terminated: {reason}" if reason else "terminated")
        super().__init__(message, retryable=retryable, details=details)
        self.reason = reason


class Conflict(Error):
    """The state is not what the request assumed."""

    kind = "conflict"
    retryable_by_kind = True


class Timeout(Error):
    """Not done in time."""

    kind = "timeout"
    retryable_by_kind = True


class CallTimeout(Timeout):
    """No answer to a call in time. The other process may still be working on it."""

    def __init__(
        self,
        message: str = "",
        *,
        pid: str = "",
        topic: str = "",
        timeout: float = 0.0,
        retryable: bool | None = None,
        details: dict[str, Any] | None = None,
    ) -> None:
        message = message or f"no answer to {topic!r} from {pid} within {timeout:g}s"
        super().__init__(message, retryable=retryable, details=details)
        self.pid = pid
        self.topic = topic
        self.timeout = timeout


class RateLimited(Error):
    """Too much at once."""

    kind = "rate_limited"
    retryable_by_kind = True


class MailboxFull(RateLimited):
    """Not delivered: the mailbox of `pid` has no room. `undelivered` is the message."""

    def __init__(
        self,
        message: str = "",
        *,
        pid: str = "",
        topic: str = "",
        undelivered: object = None,
        retryable: bool | None = None,
        details: dict[str, Any] | None = None,
    ) -> None:
        message = message or f"the mailbox of {pid} is full; message {topic!r} was not delivered"
        super().__init__(message, retryable=retryable, details=details)
        self.pid = pid
        self.topic = topic
        self.undelivered = undelivered
