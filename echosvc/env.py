"""Environment variables, as entries: with a type, a default, and a word if they are missing.

::

    port = env.get("app:port")        # an int, if the entry says so
    port = env.get("PORT")            # the same, by the name of the variable

What is `required` and not set, or of the wrong type, is said before anything starts.
"""

from __future__ import annotations

from typing import Any, Final

from echosvc._checks import check_text
from echosvc._library.entries import entry_of, registry_of
from echosvc._manifest.near import did_you_mean
from echosvc._manifest.variables import KIND, Unset, unset_fault, value_of
from echosvc._runtime.current import current
from echosvc.errors import NotFound

__all__ = ["all", "get"]

_NONE: Final = object()


def get(name: str, default: Any = _NONE) -> Any:
    """Give the value of a variable, as it is now, in the type of its entry.

    Args:
        name: The id of an entry of kind `env.variable`, or the name of the variable.
        default: What to give where it is not set and its entry has no default.

    A duration is in seconds.

    Raises:
        NotFound: It is not set, and there is no default; or there is no such entry.
        Invalid: The name is no text, or the entry is of another kind; `ManifestError`: the value is
            not of its type.
    """
    runtime = current().runtime
    check_text("name", name)
    if ":" in name:
        entry = entry_of(runtime, name, (KIND,), "variable")
    else:
        variables = registry_of(runtime).find(kind=KIND)
        named = [entry for entry in variables if entry.spec.variable == name]
        if not named:
            hint = did_you_mean(name, [entry.spec.variable for entry in variables])
            raise NotFound(
                f"no entry of kind {KIND} is for the variable {name}{f', {hint}' if hint else ''}"
            )
        entry = named[0]
    try:
        return value_of(entry)
    except Unset:
        if default is not _NONE:
            return default
        raise NotFound(str(unset_fault(entry))) from None


def all() -> dict[str, Any]:
    """Give all variables that have a value, by the id of their entry.

    Raises:
        ManifestError: A value is not of its type.
    """
    found: dict[str, Any] = {}
    for entry in registry_of(current().runtime).find(kind=KIND):
        try:
            found[entry.id] = value_of(entry)
        except Unset:
            continue
    return found
