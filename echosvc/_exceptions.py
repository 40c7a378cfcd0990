"""What can be said of any exception, whatever its author has made of it.

An exception is somebody else's object: its `__str__` may raise, its attributes may be properties
that do, a group may be two thousand deep. Whoever reports an error is in the middle of something
that has to come to its end, so nothing here raises, and nothing recurses.
"""

from __future__ import annotations

import types
from typing import Any, Final, TypeGuard, TypeVar

E = TypeVar("E", bound=BaseException)

# Of the classes of Python itself, so that nothing that a subclass defines is asked.
_EXCEPTIONS: Final[Any] = vars(BaseExceptionGroup)["exceptions"]
_MESSAGE: Final[Any] = vars(BaseExceptionGroup)["message"]
_TRACEBACK: Final[Any] = vars(BaseException)["__traceback__"]
_CAUSE: Final[Any] = vars(BaseException)["__cause__"]
_CONTEXT: Final[Any] = vars(BaseException)["__context__"]

MOST_NAMED: Final = 10
"""So many errors of a group are named in its text; how many more there are is said."""

MOST_PARTS: Final = 1000
"""An error with more parts than this, counted as Python shows them, is not shown in full."""

_FRAMEWORK: Final = ("echosvc", "trio")
"""The packages whose frames say nothing of where somebody's own code has failed."""
_INSIDE: Final = tuple(f"{package}." for package in _FRAMEWORK)


def is_a(error: object, kinds: type[E] | tuple[type[E], ...]) -> TypeGuard[E]:
    """Whether an error is of one of these classes; unlike `isinstance`, asks nothing of it."""
    return issubclass(type(error), kinds)


def words_of(error: BaseException) -> str:
    """Give what an error says: its `str()`, or that it has none."""
    try:
        return str.__str__(str(error))  # which may be of a subclass that does as it likes
    except BaseException as exc:  # noqa: BLE001 - the text of an error must not be another error
        return f"<no text: its __str__ raised {type_of(exc)}>"


def type_of(value: object) -> str:
    """Give the name of the class of an error, or of anything."""
    try:
        return str.__str__(type(value).__name__)
    except BaseException:  # noqa: BLE001 - a metaclass may do as it likes, too
        return "?"


def text_of(error: BaseException) -> str:
    """Say an error in one line: its type and its words; for a group, its message and who is in it.

    Of a group, however deep, the errors themselves are named, the first ten of them.
    """
    if not is_a(error, BaseExceptionGroup):
        words = words_of(error)
        return f"{type_of(error)}: {words}" if words else type_of(error)
    found = leaves(error)
    texts = [text_of(leaf) for leaf in found[:MOST_NAMED]]
    if len(found) > MOST_NAMED:
        texts.append(f"and {len(found) - MOST_NAMED} more")
    return f"{group_message(error)}: {'; '.join(texts)}"


def repr_of(value: object) -> str:
    """Give the `repr()` of anything, or that it has none."""
    if is_a(value, BaseException) and not can_be_shown(value):
        return f"<{type_of(value)}: {text_of(value)}>"
    try:
        return str.__str__(repr(value))
    except BaseException as exc:  # noqa: BLE001 - as for `words_of`
        return f"<{type_of(value)}: its __repr__ raised {type_of(exc)}>"


def group_message(group: BaseException) -> str:
    """Give the message of a group, without what it has in it."""
    return str.__str__(_MESSAGE.__get__(group))


def leaves(error: BaseException) -> list[BaseException]:
    """Give the errors themselves out of the groups around them, each once, in their order."""
    found: dict[int, BaseException] = {}
    seen = set()
    todo = [error]
    while todo:
        each = todo.pop()
        if not is_a(each, BaseExceptionGroup):
            found[id(each)] = each
        elif id(each) not in seen:  # one group may stand in others many times
            seen.add(id(each))
            todo += reversed(_EXCEPTIONS.__get__(each))
    return list(found.values())


def can_be_shown(error: BaseException) -> bool:
    """Whether Python can show an error with all that is in it and behind it.

    It shows a group once for each place where it stands, and so to the power of the depth; what has
    more than a thousand parts is for nobody to read.
    """
    parts = 0
    behind = set()
    todo = [error]
    while todo:
        each = todo.pop()
        parts += 1
        if parts > MOST_PARTS:
            return False
        if is_a(each, BaseExceptionGroup):
            todo += _EXCEPTIONS.__get__(each)
        for other in (_CAUSE.__get__(each), _CONTEXT.__get__(each)):
            if other is not None and id(other) not in behind:
                behind.add(id(other))
                todo.append(other)
    return True


def traceback_of(error: BaseException) -> types.TracebackType | None:
    """Give the traceback of an error."""
    traceback: types.TracebackType | None = _TRACEBACK.__get__(error)
    return traceback


def cause_of(error: BaseException) -> BaseException | None:
    """Give what an error was raised from."""
    cause: BaseException | None = _CAUSE.__get__(error)
    return cause


def context_of(error: BaseException) -> BaseException | None:
    """Give what was being handled when an error was raised."""
    context: BaseException | None = _CONTEXT.__get__(error)
    return context


def set_context(error: BaseException, context: BaseException | None) -> None:
    """Say what was being handled when an error was raised."""
    _CONTEXT.__set__(error, context)


def own_traceback(error: BaseException) -> types.TracebackType | None:
    """Give the traceback of an error without the frames of echosvc and trio that it begins with.

    The whole of it where there are no others.
    """
    whole: types.TracebackType | None = _TRACEBACK.__get__(error)
    traceback = whole
    while traceback is not None:
        module = traceback.tb_frame.f_globals.get("__name__")
        if type(module) is not str or not (module.startswith(_INSIDE) or module in _FRAMEWORK):
            return traceback
        traceback = traceback.tb_next
    return whole


def begin_in_own_code(error: BaseException) -> None:
    """Let the traceback of an error begin in somebody's own code, for good.

    It is for who has called that code and caught the error: his own frames say nothing to anybody,
    and would be kept with all that is in them for as long as the error is.
    """
    _TRACEBACK.__set__(error, own_traceback(error))
