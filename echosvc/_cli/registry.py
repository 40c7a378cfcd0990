"""`echosvc registry`: the entries, listed and shown."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from echosvc._cli import complete
from echosvc._cli.exits import UsageFault, say, shown_path
from echosvc._cli.listing import print_columns, print_json, put
from echosvc._cli.source import entry_of, load
from echosvc._cli.text import one_line

if TYPE_CHECKING:
    from echosvc._manifest.entry import Entry

Json = Annotated[bool, typer.Option("--json", help="As JSON, with keys that stay.")]
Override = Annotated[
    list[str] | None,
    typer.Option("-o", metavar="NS:ENTRY:PATH=VALUE", help="Set a field first; may be repeated."),
]


def list_entries(
    ctx: typer.Context,
    kind: Annotated[
        str | None,
        typer.Option(
            "-k", "--kind", metavar="KIND", help="Only this kind.", autocompletion=complete.kinds
        ),
    ] = None,
    namespace: Annotated[
        str | None, typer.Option("-n", "--namespace", metavar="NS", help="Only this namespace.")
    ] = None,
    meta: Annotated[
        list[str] | None,
        typer.Option(
            "--meta", metavar="KEY[=VALUE]", help="Only with this in `meta`; may be repeated."
        ),
    ] = None,
    override: Override = None,
    json: Json = False,
) -> None:
    """List the entries: id, kind, and where each stands."""
    registry, _ = load(ctx.obj, override, sources=False)
    wanted = dict(_condition(text) for text in meta or ())
    entries = [
        entry
        for entry in registry.find(kind=kind, namespace=namespace)
        if all(_has(entry.meta, key, value) for key, value in wanted.items())
    ]
    if json:
        print_json([_plain(entry) for entry in entries])
        return
    print_columns([(entry.id, entry.kind, _place(entry)) for entry in entries])
    if not entries:
        say("no entry is like that" if len(registry) else "there are no entries")


def show_entry(
    ctx: typer.Context,
    id: Annotated[
        str, typer.Argument(metavar="ID", help="NAMESPACE:NAME", autocompletion=complete.entries)
    ],
    override: Override = None,
    json: Json = False,
) -> None:
    """Show one entry: what its manifest says, and the defaults of what it doesn't.

    A value from the environment may be a secret: it is shown as it is written, ${env:NAME}.
    """
    entry = entry_of(load(ctx.obj, override, sources=False)[0], id)
    plain = _plain(entry) | {"spec": _spec(entry)}
    if json:
        print_json(plain)
        return
    print_columns([("id", entry.id), ("kind", entry.kind), ("at", _place(entry))])
    for title in ("meta", "spec"):
        if plain[title]:
            put(f"{title}:")
            for line in _lines(plain[title], 1):
                put(line)


def _plain(entry: Entry) -> dict[str, Any]:
    file, line, column = entry.where()
    return {
        "id": entry.id,
        "kind": entry.kind,
        "meta": _shown(entry, entry.meta, "meta"),
        "data": _shown(entry, entry.data),
        "file": file or None,
        "line": line or None,
        "column": column or None,
    }


def _spec(entry: Entry) -> Any:
    import msgspec

    spec = msgspec.to_builtins(entry.spec, str_keys=True, enc_hook=float)  # durations: seconds
    return _shown(entry, spec)


def _shown(entry: Entry, value: Any, *path: str) -> Any:
    """Return what came of an entry's field with `${env:…}` where its value may be a secret."""
    return entry.node.find(path).as_written(value)


def _place(entry: Entry) -> str:
    file, line, _ = entry.where()
    return f"{shown_path(file)}:{line}" if file else "-"


def _condition(text: str) -> tuple[str, str | None]:
    key, equals, value = text.partition("=")
    if not key:
        raise UsageFault(f"--meta {text!r} names nothing, write KEY or KEY=VALUE")
    return key, value if equals else None


def _has(meta: Any, dotted: str, value: str | None) -> bool:
    for key in dotted.split("."):
        if not isinstance(meta, dict) or key not in meta:
            return False
        meta = meta[key]
    return value is None or _scalar(meta) == value


def _lines(value: Any, depth: int) -> list[str]:
    """Return a value as it might stand in a manifest, to be read and not to be parsed."""
    pad = "  " * depth
    lines: list[str] = []
    pairs = value.items() if isinstance(value, dict) else (("-", item) for item in value)
    for key, inner in pairs:
        head = f"{pad}-" if key == "-" else f"{pad}{one_line(str(key))}:"
        if isinstance(inner, (dict, list)) and inner:
            lines += [head, *_lines(inner, depth + 1)]
        else:
            lines.append(f"{head} {one_line(_scalar(inner))}")
    return lines


def _scalar(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)
