"""What every command has in common: the global options, plain help, errors in one line."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar

import typer
from typer.core import TyperCommand, TyperGroup

from echosvc._cli import exits
from echosvc._cli.near import did_you_mean
from echosvc._cli.settings import SHARED, Settings, merge


class Command(TyperCommand):
    """A command that takes the global options too, and ends with a code instead of a traceback.

    Its function gets them as `ctx.obj`, a `Settings`, and returns its exit code or None.
    """

    def get_params(self, ctx: Any) -> list[Any]:
        return take_as_given(super().get_params(ctx))

    def invoke(self, ctx: typer.Context) -> int:  # type: ignore[override] # typer's vendored Context
        settings = Settings()
        try:
            after = {name: ctx.params.pop(name) for name in SHARED if name in ctx.params}
            ctx.obj = settings = merge(ctx.find_root().params, after)
            return int(super().invoke(ctx) or 0)
        except Exception as error:
            if is_typers(error):
                raise
            return exits.end(error, tracebacks=settings.tracebacks, color=settings.color)

    def format_options(self, ctx: Any, formatter: Any) -> None:
        write_options(self, ctx, formatter)

    def collect_usage_pieces(self, ctx: Any) -> list[str]:
        return usage_pieces(self, ctx)


class Group(TyperGroup):
    """Commands below a word."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        name = args[0]
        if not name.startswith("-") and self.get_command(ctx, name) is None:
            hint = did_you_mean(name, self.list_commands(ctx))
            ctx.fail(f"no such command {name!r}{hint and f', {hint}'}")
        return super().resolve_command(ctx, args)

    def get_params(self, ctx: Any) -> list[Any]:
        return take_as_given(super().get_params(ctx))

    def format_options(self, ctx: Any, formatter: Any) -> None:
        write_options(self, ctx, formatter)
        self.format_commands(ctx, formatter)


class Root(Group):
    """`echosvc` itself: makes a command when it is asked for, and hands it its own options."""

    makers: ClassVar[Mapping[str, Callable[[], Any]]]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        commands: Any = dict.fromkeys(self.makers)
        self.commands = commands

    def list_commands(self, ctx: Any) -> list[str]:
        return list(self.makers)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        if cmd_name not in self.makers:
            return None
        if self.commands[cmd_name] is None:
            self.commands[cmd_name] = command = self.makers[cmd_name]()
            shared = [param for param in self.params if param.name in SHARED]
            for each in getattr(command, "commands", {"": command}).values():
                each.params.extend(shared)
        return self.commands[cmd_name]


def is_typers(error: Exception) -> bool:
    """Return whether `error` is one of typer's own: a usage error, an Exit, an Abort."""
    return isinstance(error, (typer.Exit, typer.Abort)) or hasattr(error, "format_message")


def take_as_given(params: list[Any]) -> list[Any]:
    """Return the parameters, made to keep what the parser made: text, lists of text, flags, counts.

    typer validates each value with pydantic, whose import alone takes longer than everything
    else that `--help` and Tab do. All of these commands' parameters are of the types that the
    parser yields anyway, so only a missing one is left to typer.
    """
    for param in params:
        if "process_value" not in vars(param):
            param.process_value = _as_given(param, param.process_value)
    return params


def _as_given(param: Any, process: Any) -> Any:
    def process_value(ctx: Any, value: Any) -> Any:
        if value is None or value == ():
            return process(ctx, value) if param.required else value
        return value if param.callback is None else param.callback(ctx, param, value)

    return process_value


def name_of(argument: Any) -> str:
    """Return what an argument is called in help: as it is written on the line."""
    return str(argument.metavar or argument.name.upper())


def usage_pieces(command: Any, ctx: Any) -> list[str]:
    """Return what stands after the command in its usage line."""
    pieces = ["[OPTIONS]"]
    for param in command.get_params(ctx):
        if param.param_type_name == "argument":
            name = name_of(param)
            pieces.append(name if param.required or name.startswith("[") else f"[{name}]")
    return pieces


def write_options(command: Any, ctx: Any, formatter: Any) -> None:
    """Write the help of a command's parameters: its own first, those that all take last."""
    sections: dict[str, list[tuple[str, str]]] = {"Arguments": [], "Options": [], "Global": []}
    for param in command.get_params(ctx):
        if (record := param.get_help_record(ctx)) is None:
            continue
        if param.param_type_name == "argument":
            sections["Arguments"].append((name_of(param), record[1]))
        else:
            shared = param.name in SHARED and command is not ctx.find_root().command
            sections["Global" if shared else "Options"].append(record)
    for name, title in (
        ("Arguments", "Arguments"),
        ("Options", "Options"),
        ("Global", "Options of every command"),
    ):
        if sections[name]:
            with formatter.section(title):
                formatter.write_dl(sections[name])
