"""What is printed, as text: strings as they are, rich renderables rendered, the rest by `str`."""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["render"]


def render(objects: Sequence[object], *, sep: str, end: str, width: int) -> str:
    """Join objects to the text that `print` writes.

    Args:
        objects: Strings are never markup; renderables may stand among them.
        sep: Goes between them.
        end: Goes after them.
        width: How many columns a renderable has.
    """
    if not any(map(_renderable, objects)):
        return sep.join(map(str, objects)) + end

    # rich costs a twentieth of a second to import, and few applications need it
    from io import StringIO

    from rich.console import Console
    from rich.text import Text

    # All colours go in here; the screen takes out what may not go out.
    console = Console(
        file=StringIO(),
        width=width,
        force_terminal=True,
        color_system="truecolor",
        markup=False,
        highlight=False,
        emoji=False,
        no_color=False,
        legacy_windows=False,
        _environ={},
    )
    with console.capture() as captured:
        console.print(
            *(each if _renderable(each) else Text.from_ansi(str(each)) for each in objects),
            sep=sep,
            end=end,
        )
    return captured.get()


def _renderable(value: object) -> bool:
    # On the type: a mock, or a proxy that answers to everything, is no renderable.
    kind = type(value)
    return hasattr(kind, "__rich_console__") or hasattr(kind, "__rich__")
