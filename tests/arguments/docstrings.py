"""What a docstring says, with those that it refers to."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator

from echosvc.errors import Error
from tests.arguments import public

_REFERENCE = re.compile(r"(?:[Ss]ee|[Aa]s for) (?:the module's )?`([\w.]+)`")


def said(name: str) -> str:
    """Give the docstring of something public, and of all that it says to look at."""
    known = public.callables()
    texts: dict[str, str] = {}
    todo = [name]
    while todo:
        name = todo.pop()
        if name in texts or name not in known:
            continue
        texts[name] = inspect.getdoc(known[name]) or ""
        for reference in _REFERENCE.findall(texts[name]):
            todo += _meant(name, reference)
    return "\n".join(texts.values())


def _meant(name: str, reference: str) -> Iterator[str]:
    """Give what a reference may mean: beside what refers to it, in its module, anywhere."""
    yield reference
    owner = name
    while owner := owner.rpartition(".")[0]:
        yield f"{owner}.{reference}"


def is_told_of(error: type[BaseException], name: str) -> bool:
    """Whether a docstring names a class of errors, or one above it."""
    text = said(name)
    named = [each.__name__ for each in error.__mro__ if each not in (Error, Exception, object)]
    if any(re.search(rf"\b{each}\b", text) for each in named):
        return True
    return not issubclass(error, Error) and "Exception:" in text  # somebody's own
