"""Kinds and modules that installed packages add, found through their entry points.

Nobody looks for them until a manifest says something that is not echosvc's own, and nothing of a
package is imported before it is used.
"""

from __future__ import annotations

import functools
import importlib
import logging
import sys
from collections.abc import Iterator, Mapping
from types import ModuleType
from typing import TYPE_CHECKING, Final

from echosvc._exceptions import text_of
from echosvc._manifest.kinds import KINDS, Kind
from echosvc.errors import ManifestError

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

KIND_GROUP: Final = "echosvc.kinds"
MODULE_GROUP: Final = "echosvc.modules"

log = logging.getLogger("echosvc.manifest")


def _points(group: str) -> Mapping[str, tuple[EntryPoint, ...]]:
    """Return the entry points of a group by name; two packages may give the same."""
    return _points_on(group, tuple(sys.path))


@functools.lru_cache(maxsize=8)
def _points_on(group: str, path: tuple[str, ...]) -> Mapping[str, tuple[EntryPoint, ...]]:
    from importlib.metadata import entry_points  # 5 ms, with the email package that it needs

    found: dict[str, tuple[EntryPoint, ...]] = {}
    for point in entry_points(group=group):
        same = found.get(point.name, ())
        # One package that is found twice on the path is still one.
        if all(_package(point) != _package(other) for other in same):
            found[point.name] = (*same, point)
    return found


def _package(point: EntryPoint) -> str:
    return point.dist.name if point.dist is not None else point.value


def _the_one(what: str, points: tuple[EntryPoint, ...]) -> EntryPoint:
    if len(points) > 1:
        names = " and ".join(sorted(_package(point) for point in points))
        message = f"{what} {points[0].name} comes from two packages, {names}"
        raise ManifestError(message, hint="uninstall one of them")
    return points[0]


class Kinds(Mapping[str, Kind]):
    """The kinds that there are by name: echosvc's own, then those of installed packages."""

    def __getitem__(self, name: str) -> Kind:
        """Return a kind.

        Raises:
            KeyError: There is none of this name.
            ManifestError: There is one, and it is of no use; says whose fault that is.
        """
        own = KINDS.get(name)
        return _load(_points(KIND_GROUP)[name]) if own is None else own

    def __iter__(self) -> Iterator[str]:
        """Yield the names, without those whose kind is of no use."""
        yield from KINDS
        for name, points in _points(KIND_GROUP).items():
            if name in KINDS:
                log.warning(
                    "a package gives a kind that echosvc has itself, which stays",
                    extra={"fields": {"kind": name, "package": _package(points[0])}},
                )
                continue
            try:
                _load(points)
            except ManifestError:
                continue
            yield name

    def __len__(self) -> int:
        return sum(1 for _ in self)


ALL_KINDS: Final = Kinds()


def _load(points: tuple[EntryPoint, ...]) -> Kind:
    return _load_on(points, tuple(sys.path))


@functools.lru_cache(maxsize=256)
def _load_on(points: tuple[EntryPoint, ...], path: tuple[str, ...]) -> Kind:
    point = _the_one("the kind", points)
    try:
        kind = point.load()
    except Exception as exc:  # somebody else's code
        message = (
            f"the kind {point.name} of the package {_package(point)} does not load: {text_of(exc)}"
        )
        raise ManifestError(message, hint="that is a fault of the package") from exc
    wrong = ""
    if not isinstance(kind, Kind):
        wrong = f"is a {type(kind).__name__}, and no echosvc.kinds.Kind"
    elif kind.name != point.name:
        wrong = f"calls itself {kind.name}"
    elif kind.startable and kind.run is None:
        wrong = "has a lifecycle, and nothing to run"
    if wrong:
        message = f"the kind {point.name} of the package {_package(point)} {wrong}"
        raise ManifestError(message, hint="that is a fault of the package")
    return kind  # type: ignore[no-any-return]  # it was looked at above


def module_names() -> list[str]:
    """Return the names of the modules that installed packages add."""
    return list(_points(MODULE_GROUP))


def module(name: str) -> ModuleType | None:
    """Return a module that a package adds, imported; None where there is no such one.

    After this ``import echosvc.name`` finds it too.

    Raises:
        ManifestError: Two packages give it, or it does not load.
    """
    points = _points(MODULE_GROUP).get(name)
    if points is None:
        return None
    point = _the_one("the module", points)
    try:
        found = importlib.import_module(point.value)
    except Exception as exc:
        message = (
            f"the module {name} of the package {_package(point)} does not load: {text_of(exc)}"
        )
        raise ManifestError(message, hint="that is a fault of the package") from exc
    sys.modules.setdefault(f"echosvc.{name}", found)
    return found
