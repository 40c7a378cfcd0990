"""Runs tests on a trio that calls its private names otherwise, as another version of it may.

``python -m tests.renamed_trio _cancel_status tests/channel -q``: the name, then what pytest gets.
Everything in trio works as ever; who looks for the name from outside doesn't find it.
"""

from __future__ import annotations

import importlib.machinery
import importlib.util
import sys
from collections.abc import Sequence
from types import CodeType, ModuleType
from typing import Any

import pytest


class RenamedSource(importlib.machinery.SourceFileLoader):
    """Loads a module with another name in the place of one."""

    old = b""

    def get_code(self, fullname: str) -> CodeType:
        path = self.get_filename(fullname)  # not by super: that would read the .pyc
        return self.source_to_code(self.get_data(path), path)

    def source_to_code(self, data: Any, path: Any, *args: Any, **kwargs: Any) -> CodeType:
        code = data.replace(self.old, b"_renamed" + self.old)
        return super().source_to_code(code, path, *args, **kwargs)


class Renaming:
    """Finds trio's modules, and lets the loader above load them."""

    def __init__(self, name: str) -> None:
        self.loader = type("Loader", (RenamedSource,), {"old": name.encode()})

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if fullname.partition(".")[0] != "trio":
            return None
        spec = importlib.machinery.PathFinder.find_spec(fullname, path, target)
        if spec is not None and isinstance(spec.loader, importlib.machinery.SourceFileLoader):
            spec.loader = self.loader(fullname, spec.loader.path)
        return spec


def main(name: str, *args: str) -> int:
    if any(module.partition(".")[0] == "trio" for module in sys.modules):
        raise RuntimeError("trio is loaded already")
    sys.meta_path.insert(0, Renaming(name))
    from trio.lowlevel import Task

    if hasattr(Task, name) or not hasattr(Task, f"_renamed{name}"):
        raise RuntimeError(f"trio has no {name} any more, or has it still")
    return int(pytest.main([*args]))


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
