"""The Python files that entries name: checked without being run, then loaded.

They lie below the folder of the application, links followed: what is run is what an application
brings along, and no other file of the machine that a manifest, or a change of the registry, points
to.

A source is a file by itself: it is no part of a package, so it has no relative imports, and a
plain ``import helper`` of a file beside it fails as it would for any module that isn't installed,
with a hint. Two applications may thus both have a `helper.py`; code that sources share belongs in
a package that is installed or on PYTHONPATH.

A file is run once in a Python process, as Python itself does it, and shared by all processes of
all entries that name it; a module of its own name stands for it in `sys.modules`. `reload` reads
it anew for an upgrade: processes that run keep the functions they have.
"""

from __future__ import annotations

import hashlib
import importlib.util
import inspect
import linecache
import os
import re
import sys
import threading
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any, Final

from echosvc._manifest import analysis as static
from echosvc._manifest import plugins
from echosvc._manifest.entry import Entry
from echosvc._manifest.files import read_bytes
from echosvc._manifest.near import did_you_mean, shown
from echosvc._manifest.paths import absolute, display
from echosvc.errors import ManifestError

SCHEME: Final = "file://"

Target = Callable[..., Awaitable[Any]]

_lock = threading.RLock()  # two runtimes may load the same file in two threads
_analyses: dict[Path, tuple[tuple[int, ...], static.Analysis]] = {}
"""Files that were checked and not loaded yet, so that starting doesn't compile them twice."""
_loaded: dict[Path, tuple[ModuleType, static.Analysis]] = {}
_names: dict[Path, str] = {}
"""What the files are called as modules; the first of several with one name has it plain."""


def has_source(entry: Entry) -> bool:
    """Whether the entry is one that names a source and a method in it."""
    return isinstance(getattr(entry.spec, "source", None), str) and hasattr(entry.spec, "method")


def path_of(entry: Entry) -> Path:
    """Return the file that an entry's `source` names; raises `ManifestError` if it names none."""
    source: str = entry.spec.source
    if not source.startswith(SCHEME):
        name = source.removeprefix("file:").strip()
        hint = f"write {SCHEME}{name if name.isprintable() and name else ' and a path'}"
        raise entry.fault(f"the source {shown(source)} names no file", "source", hint=hint)
    path = absolute(entry.folder / source[len(SCHEME) :])
    _check_place(entry, path)
    try:
        if path.is_file():
            return path
        missing = not path.exists()
    except (OSError, ValueError):  # a NUL in the name, a folder that may not be read
        missing = True
    message = f"there is no file {display(path)}" if missing else f"{display(path)} is no file"
    others = [name for name in _files(path.parent) if name != path.name]
    hint = did_you_mean(path.name, others) or "write it, or correct the path"
    raise entry.fault(message, "source", hint=hint)


def _check_place(entry: Entry, path: Path) -> None:
    """Refuse a file outside of the application's folder, whether there is one or not."""
    root = entry.root
    try:
        # The folder may be reached by a link itself, so both are followed.
        real, real_root = Path(os.path.realpath(path)), Path(os.path.realpath(root))
    except (OSError, ValueError):  # a NUL in the name: there is no such file, which is said then
        return
    if not real.is_relative_to(real_root):
        is_link = os.path.islink(path)  # noqa: PTH114  # False where it may not look
        leads = f" leads to {display(real)}," if is_link else " is"
        message = f"{display(path)}{leads} outside of the application's folder {display(root)}"
        hint = "put it there, or what sources share into a package"
        raise entry.fault(message, "source", hint=hint)


def _files(folder: Path) -> list[str]:
    try:
        return [path.name for path in folder.iterdir() if path.suffix == ".py"]
    except (OSError, ValueError):
        return []


def check(entry: Entry) -> list[ManifestError]:
    """Return everything that is wrong with an entry's source, its method and its modules.

    The source is compiled, never run.
    """
    try:
        path = path_of(entry)
        analysis = _analysis(entry, path)
    except ManifestError as fault:
        return [fault, *_check_listed(entry)]
    return list(_check_all(entry, path, analysis))


def load(entry: Entry) -> Target:
    """Return the async function that an entry names, running its file if that is the first time.

    Raises:
        ManifestError: The file is missing, does not compile, raised something while it was run
            (which is the `__cause__`), or has no such async method; with the file and line.
    """
    with _lock:
        path = path_of(entry)
        found = _loaded.get(path)
        if found is None:
            analysis = _analysis(entry, path)
            _refuse(list(_check_all(entry, path, analysis)))
            found = _run(entry, path, analysis), analysis
            _loaded[path] = found
            _analyses.pop(path, None)
        else:
            _refuse(list(_check_all(entry, path, found[1])))
        return _target(entry, path, *found)


def reload(entry: Entry) -> Target:
    """Read an entry's file anew and return its async function, for all who load it from now on.

    Raises `ManifestError` as `load` does; the version that was there before then stays.
    """
    with _lock:
        path = path_of(entry)
        _analyses.pop(path, None)
        analysis = _analysis(entry, path)
        _refuse(list(_check_all(entry, path, analysis)))
        old = sys.modules.get(module_name(entry, path))
        module = _run(entry, path, analysis)
        try:
            target = _target(entry, path, module, analysis)
        except ManifestError:
            _put_back(module_name(entry, path), old)
            raise
        _loaded[path] = module, analysis
        return target


def _refuse(faults: list[ManifestError]) -> None:
    if faults:
        faults[0].faults = tuple(faults)
        raise faults[0]


def _analysis(entry: Entry, path: Path) -> static.Analysis:
    try:
        status = path.stat()
        stamp = (status.st_mtime_ns, status.st_size, status.st_ino)
        with _lock:
            found = _analyses.get(path)
            if found is None or found[0] != stamp:
                found = stamp, static.analyse(read_bytes(path), path)
                _analyses[path] = found
        return found[1]
    except OSError as exc:
        raise entry.fault(f"{display(path)} cannot be read: {exc.strerror}", "source") from exc
    except SyntaxError as exc:
        raise ManifestError(
            f"Python: {exc.msg}",
            file=display(path),
            line=max(exc.lineno or 0, 0),  # -1 for a coding that isn't known
            column=max(exc.offset or 0, 0),
            entry=entry.id,
        ) from exc
    except (RecursionError, MemoryError, ValueError, OverflowError) as exc:
        message = f"Python cannot compile it: {str(exc) or type(exc).__name__}"
        raise ManifestError(message, file=display(path), entry=entry.id) from exc


def _check_all(entry: Entry, path: Path, analysis: static.Analysis) -> Iterator[ManifestError]:
    yield from _check_method(entry, path, analysis)
    yield from _check_listed(entry)
    yield from _check_uses(entry, path, analysis)


def _check_method(entry: Entry, path: Path, analysis: static.Analysis) -> Iterator[ManifestError]:
    name: str = entry.spec.method
    method = analysis.methods.get(name)
    if method is None:
        kind, word = ("sync", "a def") if is_sync(entry) else ("async", "an async def")
        candidates = [key for key, found in analysis.methods.items() if found.kind == kind]
        hint = did_you_mean(name, candidates) or f"write {word.split(' ', 1)[1]} {name}(…) in it"
        if not name.isidentifier():
            hint = f"a method is the name of {word}"
        yield entry.fault(f"{display(path)} has no method {shown(name)}", "method", hint=hint)
    elif wrong := _wrong_method(name, method.kind, is_sync(entry)):
        is_what, cure = wrong
        yield ManifestError(
            f"the method {name} {is_what}",
            file=display(path),
            line=method.line,
            column=method.column,
            entry=entry.id,
            hint=cure,
        )


def is_sync(entry: Entry) -> bool:
    """Whether the entry's method is a plain ``def``, to be run beside the scheduler."""
    return bool(getattr(entry.spec, "thread", False) or getattr(entry.spec, "subprocess", False))


def _wrong_method(name: str, kind: str, sync: bool) -> tuple[str, str] | None:
    """Return what is wrong with a method of this kind, and what to do, or None."""
    word = "def" if sync else "async def"
    if kind == "class":
        return "is a class", f"name {'a' if sync else 'an'} {word}"
    if kind == "generator":
        return "is an async generator, because it has a yield", "return instead"
    if sync and kind == "async":
        cure = f"write def {name}(…), or take thread: and subprocess: away"
        return "is async, and a thread or subprocess runs a plain def", cure
    if not sync and kind == "sync":
        return "is not async", f"write async def {name}(…)"
    return None


def _check_listed(entry: Entry) -> Iterator[ManifestError]:
    seen: set[str] = set()
    for index, module in enumerate(getattr(entry.spec, "modules", ())):
        if not static.exists(module):
            known = static.available()
            hint = did_you_mean(module, known) or f"there are {', '.join(known)}"
            message = f"echosvc has no module {shown(module)}"
            yield entry.fault(message, "modules", index, hint=hint)
        elif module in seen:
            yield entry.fault(f"{module} is listed twice", "modules", index, hint="delete one")
        seen.add(module)


def _check_uses(entry: Entry, path: Path, analysis: static.Analysis) -> Iterator[ManifestError]:
    def fault(line: int, column: int, message: str, hint: str) -> ManifestError:
        return ManifestError(
            message, file=display(path), line=line, column=column, entry=entry.id, hint=hint
        )

    for line, column in analysis.relative:
        message = "a source is no part of a package, and has no relative imports"
        yield fault(line, column, message, "import an installed package")
    listed = static.ALWAYS.union(getattr(entry.spec, "modules", ()))
    said: set[str] = set()
    for use in analysis.uses:
        name = use.name
        if name in listed or name in said:
            continue
        if static.exists(name):
            said.add(name)  # once, at its first place: one line in the manifest mends them all
            file, line, _ = entry.where("modules")
            place = f" ({file}:{line})" if line else ""
            message = f"uses echosvc.{name}, which is not in the entry's modules{place}"
            yield fault(use.line, use.column, message, f"add - {name} there")
        elif use.plain and (name in static.plain_names() or name.startswith("__")):
            continue
        elif name.startswith("_"):
            message = f"echosvc.{name} is private"
            yield fault(use.line, use.column, message, "use what the public modules offer")
        else:
            known = static.available() + (sorted(static.plain_names()) if use.plain else [])
            hint = did_you_mean(name, known) or f"there are {', '.join(static.available())}"
            what = f"echosvc has no {'module ' * (not use.plain)}{name}"
            if static.is_module(name):
                what = f"echosvc.{name} is not for sources"
            if name == "*":
                what, hint = "a star takes all of echosvc", "name what you need"
            yield fault(use.line, use.column, what, hint)


def module_name(entry: Entry, path: Path) -> str:
    """Return the name in `sys.modules` of the module that a file becomes: ``app:worker``.

    It stands before each function and class of the file in logs and tracebacks. Nobody imports it:
    the colon keeps it apart from all modules that can be.
    """
    with _lock:
        name = _names.get(path)
        if name is None:
            # No dot in it: pickle would look for a package.
            namespace, stem = (
                re.sub(r"[^\w-]", "_", part) for part in (entry.namespace, path.stem)
            )
            name = f"{namespace}:{stem}"
            if name in _names.values() or name in sys.modules:
                # Another application in this program may have a worker.py in app, too.
                digest = hashlib.sha256(os.fsencode(path)).hexdigest()
                name = f"{name}~{digest[:12]}"
            _names[path] = name
        return name


def _run(entry: Entry, path: Path, analysis: static.Analysis) -> ModuleType:
    """Run a file as a module; on failure `sys.modules` is as it was before."""
    for index, listed in enumerate(getattr(entry.spec, "modules", ())):
        try:
            if not static.is_own(listed):
                plugins.module(listed)
        except ManifestError as fault:
            raise entry.fault(fault.message, "modules", index, hint=fault.hint) from fault
    name = module_name(entry, path)
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None:  # Python knows no loader for the suffix
        raise entry.fault(f"{display(path)} is no Python file", "source", hint="name a .py file")
    module = importlib.util.module_from_spec(spec)
    old = sys.modules.get(name)
    sys.modules[name] = module  # before it runs: dataclasses and pickle look there
    linecache.checkcache(str(path))
    try:
        # Not by the import system's loader: it trusts .pyc files that are as old as the source to
        # the second, and would bring back what was edited away; and it writes them beside it.
        exec(analysis.code, module.__dict__)  # noqa: S102  # to run it is what was asked for
    except BaseException as exc:
        _put_back(name, old)
        if not isinstance(exc, Exception | SystemExit):
            raise
        raise _import_fault(entry, path, exc) from exc
    return module


def _put_back(name: str, old: ModuleType | None) -> None:
    if old is None:
        sys.modules.pop(name, None)
    else:
        sys.modules[name] = old


def _import_fault(entry: Entry, path: Path, exc: BaseException) -> ManifestError:
    """Return what a source raised while it was run as a fault at its own line."""
    line = 0
    traceback = exc.__traceback__
    while traceback is not None:
        if traceback.tb_frame.f_code.co_filename == str(path):
            line = traceback.tb_lineno
        traceback = traceback.tb_next
    hint = ""
    if isinstance(exc, ModuleNotFoundError) and exc.name:
        beside = path.with_name(f"{exc.name.partition('.')[0]}.py")
        hint = "install it, or put its folder on PYTHONPATH"
        if beside.is_file():
            hint = f"{display(beside)} stands beside it, but a source is no package: {hint}"
    text = " ".join(str(exc).split())
    message = f"{type(exc).__name__}: {text}" if text else type(exc).__name__
    message = f"failed while it was loaded: {message}"
    return ManifestError(message, file=display(path), line=line, entry=entry.id, hint=hint)


def _target(entry: Entry, path: Path, module: ModuleType, analysis: static.Analysis) -> Target:
    name: str = entry.spec.method
    target: Any = getattr(module, name, None)
    # An async def may come out of a decorator as anything that returns an awaitable, so what is
    # written decides where it is written; a name bound in another way is judged by what it is.
    method = analysis.methods.get(name)
    written = method.kind if method else ""
    is_async = callable(target) and any(
        inspect.iscoroutinefunction(inspect.unwrap(one)) for one in (target, target.__call__)
    )
    if is_sync(entry):
        if not callable(target) or is_async:
            message = f"{name} of {display(path)} is no plain function"
            raise entry.fault(message, "method", hint=f"write def {name}(…)")
    elif not callable(target) or not (is_async or written in ("async", "decorated")):
        message = f"{name} of {display(path)} is no async function"
        raise entry.fault(message, "method", hint=f"write async def {name}(…)")
    return target  # type: ignore[no-any-return]  # whatever the source calls its method
