"""What the global options ask for, wherever on the line they stood."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Final, Literal, cast

import typer

from echosvc._cli.exits import UsageFault
from echosvc._cli.near import did_you_mean

LOG_FORMATS: Final = ("text", "json")
COLORS: Final = ("auto", "always", "never")
SETTABLE: Final = ("log.level=", "log.format=", "shutdown.timeout=", "mailbox.size=")
ColorMode = Literal["auto", "always", "never"]


def _names(choices: Sequence[str]) -> Any:
    return lambda: list(choices)


# Declared once, on `echosvc` itself; `commands.Root` gives them to every command too, so that
# `echosvc -v run` and `echosvc run -v` are the same.
Src = Annotated[
    str | None,
    typer.Option(
        "--src",
        metavar="DIR",
        help="Folder with the manifests; without it echosvc.lock says which.",
    ),
]
Config = Annotated[
    list[str] | None,
    typer.Option(
        "--config",
        metavar="FILE",
        help="Configuration, instead of echosvc.yaml; may be repeated, and the later one wins.",
    ),
]
Set = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="SECTION.PATH=VALUE",
        help="Set log.level, log.format, shutdown.timeout or mailbox.size; may be repeated.",
        autocompletion=_names(SETTABLE),
    ),
]
Verbose = Annotated[
    int,
    typer.Option(
        "-v",
        "--verbose",
        count=True,
        show_default=False,
        help="Log from INFO; -vv from DEBUG, and with tracebacks.",
    ),
]
Silent = Annotated[
    bool, typer.Option("-s", "--silent", help="No log at all; errors are still said.")
]
LogFormat = Annotated[
    str | None,
    typer.Option(
        "--log-format",
        metavar="text|json",
        help="How log lines look: for people (text) or one JSON object a line.",
        autocompletion=_names(LOG_FORMATS),
    ),
]
Color = Annotated[
    str | None,
    typer.Option(
        "--color",
        metavar="auto|always|never",
        help="Colours; auto asks NO_COLOR, FORCE_COLOR and the terminal.",
        autocompletion=_names(COLORS),
    ),
]


@dataclass(frozen=True)
class Settings:
    """The global options of one command line."""

    src: str | None = None
    config: tuple[str, ...] = ()
    set: tuple[str, ...] = ()
    verbose: int = 0
    silent: bool = False
    log_format: str | None = None
    color: ColorMode = "auto"

    @property
    def tracebacks(self) -> bool:
        """Whether an error shows where it came from, frame by frame."""
        return self.verbose >= 2


SHARED: Final = tuple(Settings.__dataclass_fields__)
"""The names of the options that every command takes."""


def merge(before: Mapping[str, Any], after: Mapping[str, Any]) -> Settings:
    """Return the settings of `echosvc BEFORE command AFTER`: the later one wins, -v adds up.

    Raises UsageFault for a value that isn't one of its option's, and for -s with -v.
    """

    def last(name: str) -> Any:
        return before.get(name) if after.get(name) is None else after.get(name)

    def both(name: str) -> tuple[str, ...]:
        return (*(before.get(name) or ()), *(after.get(name) or ()))

    log_format = last("log_format")
    settings = Settings(
        src=last("src"),
        config=both("config"),
        set=both("set"),
        verbose=(before.get("verbose") or 0) + (after.get("verbose") or 0),
        silent=bool(before.get("silent") or after.get("silent")),
        log_format=log_format and one_of("--log-format", log_format, LOG_FORMATS),
        color=cast("ColorMode", one_of("--color", last("color") or "auto", COLORS)),
    )
    if settings.silent and settings.verbose:
        raise UsageFault("--silent and --verbose contradict each other, leave one out")
    return settings


def one_of(option: str, value: str, choices: Sequence[str]) -> str:
    """Return `value` if it is one of `choices`, else raise UsageFault naming the near one."""
    if value in choices:
        return value
    hint = did_you_mean(value, choices) or f"it takes {', '.join(choices)}"
    raise UsageFault(f"{option} {value!r} is not known, {hint}")
