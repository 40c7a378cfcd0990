"""`echosvc run`: what to run is found here; `perform` runs it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from echosvc._cli import complete
from echosvc._cli.exits import UsageFault, say
from echosvc._cli.listing import print_columns, print_json
from echosvc._cli.near import did_you_mean
from echosvc._cli.settings import Settings
from echosvc._cli.source import entry_of, load
from echosvc._cli.tree import Node, nodes_of

if TYPE_CHECKING:
    from echosvc._manifest.entry import Entry
    from echosvc._manifest.registry import Registry

PROCESS: Final = "process.py"
TERMINAL: Final = "terminal.host"
HOSTS: Final = (TERMINAL, "process.host")
LIST: Final = "list"


@dataclass(frozen=True)
class Plan:
    """What a run is to do besides the services: one process on one host, or nothing."""

    entry: str = ""
    host: str = ""
    terminal: bool = False
    """Whether the process gets the keyboard and the screen."""
    args: tuple[str, ...] = ()

    def needs_terminal(self, registry: Registry) -> bool:
        """Whether this process, or a service that is started, has the keyboard and the screen."""
        return self.terminal or any(
            node.auto_start and _on_terminal(registry, node) for node in nodes_of(registry)
        )


def run(
    ctx: typer.Context,
    words: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[COMMAND] [ARGS]...",
            help="A command of the application's, and what it is given; `list` shows them. "
            "With -x all words are for the process. Options for it stand behind `--`.",
            autocompletion=complete.commands,
        ),
    ] = None,
    execute: Annotated[
        str | None,
        typer.Option(
            "-x",
            "--exec",
            metavar="[HOST/]ENTRY",
            help="Run this process, and end with it. Without a host: on the only terminal.host.",
            autocompletion=complete.processes,
        ),
    ] = None,
    host: Annotated[
        str | None,
        typer.Option(
            "--host", metavar="HOST", help="Where to run it.", autocompletion=complete.hosts
        ),
    ] = None,
    override: Annotated[
        list[str] | None,
        typer.Option(
            "-o",
            metavar="NS:ENTRY:PATH=VALUE",
            help="Set a field of an entry for this run; may be repeated.",
        ),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="With `list`: as JSON.")] = False,
) -> int:
    """Run the application, or a process of it.

    The services that the manifests name are started. Without a process or command they run until
    Ctrl-C or SIGTERM; with one it all ends when that does, and an int that the process returns is
    the exit code. The words behind a command are the process's, which reads them with io.args().
    Options are echosvc's own wherever they stand; all that follows `--` is the process's, too:
    echosvc run ask 5 -v -- --exactly.

    The first Ctrl-C stops everything in order, the second waits for nothing, the third ends it
    here and now.
    """
    settings: Settings = ctx.obj
    words = words or []
    registry, configuration = load(settings, override, sources=words[:1] != [LIST])
    if execute is None and words[:1] == [LIST]:
        if words[1:]:
            raise UsageFault(f"`run {LIST}` takes no words, leave {words[1]!r} out")
        _list(registry, json=json)
        return 0
    if json:
        raise UsageFault("--json goes with `run list`")
    plan = make_plan(registry, execute, host, words)

    from echosvc._cli.perform import perform

    return perform(settings, configuration, registry, plan)


def make_plan(
    registry: Registry, execute: str | None, host: str | None, words: Sequence[str]
) -> Plan:
    """Return what `-x`, `--host` and the words ask for; raises UsageFault where they can't.

    Raises ManifestError for a wrong command of any entry: what `check` refuses is not started.
    """
    commands = commands_of(registry)
    if execute is not None:
        before, _, id = execute.rpartition("/")
        if before and host is not None and before != host:
            raise UsageFault(f"-x {execute} and --host {host} name two hosts, leave one out")
        entry, args = entry_of(registry, id, "-x", kinds=(PROCESS,)), tuple(words)
        host = before or host
    elif words:
        entry, args = _command(registry, commands, words[0]), tuple(words[1:])
    elif host is not None:
        raise UsageFault(f"--host {host} has nothing to run, -x names a process")
    else:
        return Plan()
    where = _host_for(registry, entry, host)
    return Plan(entry.id, where.id, where.kind == TERMINAL, args)


def _on_terminal(registry: Registry, node: Node) -> bool:
    own = node.host is not None and registry.get(node.host).kind == TERMINAL
    return own or any(_on_terminal(registry, child) for child in node.children)


def _host_for(registry: Registry, entry: Entry, host: str | None) -> Entry:
    if host is not None:
        return entry_of(registry, host, "--host", kinds=HOSTS)
    if entry.spec.host:
        return registry.get(entry.spec.host)
    terminals = list(registry.find(kind=TERMINAL))
    if len(terminals) == 1:
        return terminals[0]
    if terminals:
        raise UsageFault(f"{entry.id} could run on {_either(terminals)}, say which with --host")
    hosts = list(registry.find(kind=HOSTS[1]))
    if hosts:
        raise UsageFault(f"there is no {TERMINAL} for {entry.id}; --host can be {_either(hosts)}")
    raise UsageFault(f"there is no host for {entry.id}; add an entry of kind {TERMINAL}")


def _either(entries: Sequence[Entry]) -> str:
    return " or ".join(each.id for each in entries)


def commands_of(registry: Registry) -> dict[str, tuple[Entry, str]]:
    """Return the application's own commands: their entries, and a few words about each.

    An entry has one by ``meta: {command: NAME}``, or ``command: {name: NAME, short: WORDS}``.
    Raises ManifestError for a `command` that is neither, or a name that is used twice.
    """
    found: dict[str, tuple[Entry, str]] = {}
    for entry in registry.find(kind=PROCESS):
        command = entry.meta.get("command")
        if command is None:
            continue
        name: Any = command.get("name") if isinstance(command, dict) else command
        short = command.get("short", "") if isinstance(command, dict) else ""
        if not isinstance(name, str) or not name or not isinstance(short, str):
            hint = "write command: NAME, or command: {name: NAME, short: WORDS}"
            raise entry.fault("a command needs a name", "meta", "command", hint=hint)
        if name == LIST or name in found:
            taken = found[name][0].id if name in found else f"`run {LIST}`"
            message = f"the command {name} is {taken}'s already"
            raise entry.fault(message, "meta", "command", hint="give it another name")
        found[name] = (entry, short)
    return found


def _command(registry: Registry, commands: dict[str, tuple[Entry, str]], name: str) -> Entry:
    if name in commands:
        return commands[name][0]
    if name in registry:
        raise UsageFault(f"{name} is an entry and no command, run it with -x {name}")
    hint = did_you_mean(name, commands) or "`echosvc run list` shows the commands"
    raise UsageFault(f"there is no command {name!r}, {hint}")


def _list(registry: Registry, *, json: bool) -> None:
    commands = commands_of(registry)
    if json:
        print_json(
            [
                {"command": name, "entry": entry.id, "short": short}
                for name, (entry, short) in commands.items()
            ]
        )
        return
    print_columns([(name, entry.id, short) for name, (entry, short) in commands.items()])
    if not commands:
        say(
            "no entry has a command; meta: {command: NAME} in an entry of kind process.py makes one"
        )
