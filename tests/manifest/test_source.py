"""Python sources: what is refused without running them, and how they are loaded."""

from __future__ import annotations

import pickle
import re
import sys
import traceback
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from echosvc._manifest import source
from echosvc._manifest.analysis import ALWAYS, PUBLIC_MODULES, analyse
from echosvc._manifest.check import check
from echosvc._manifest.entry import Entry
from echosvc._manifest.kinds import ProcessPy
from echosvc._runtime.program import name_of
from echosvc.errors import ManifestError

Write = Callable[..., Path]

HEAD = 'version: "1.0"\nnamespace: app\nentries:\n'
CLI = "  - name: cli\n    kind: process.py\n    source: file://cli.py\n"


def faults(write: Write, cli: str | bytes, more: str = "", **files: str) -> list[str]:
    return [str(fault) for fault in check(write(HEAD + CLI + more, **{"cli.py": cli, **files}))]


def entry(folder: Path, file: str = "x.py", method: str = "main", **fields: Any) -> Entry:
    spec = ProcessPy(source=f"file://{file}", method=method, **fields)
    return Entry("app", "x", "process.py", spec, file=folder / "_index.yaml")


@pytest.mark.parametrize(
    ("cli", "fault"),
    [
        (
            "def main(): ...\n",
            ("cli.py:1:1: app:cli: the method main is not async, write async def main(…)"),
        ),
        (
            "class main: ...\n",
            ("cli.py:1:1: app:cli: the method main is a class, name an async def"),
        ),
        (
            "async def main():\n    yield\n",
            (
                "cli.py:1:1: app:cli: the method main is an async "
                "generator, because it has a yield, return instead"
            ),
        ),
        (
            "async def mian(): ...\n",
            ("_index.yaml:4:5: app:cli: cli.py has no method 'main', did you mean mian?"),
        ),
        (
            "",
            (
                "_index.yaml:4:5: app:cli: cli.py has no method 'main', "
                "write async def main(…) in it"
            ),
        ),
        ("async def main():\n    x = (1,\n", "cli.py:2:9: app:cli: Python: '(' was never closed"),
        ("await x\n", "cli.py:1:1: app:cli: Python: 'await' outside function"),
        (
            "from echosvc import time\nasync def main(): ...\n",
            (
                "cli.py:1:21: app:cli: uses "
                "echosvc.time, which is not in the entry's modules (_index.yaml:4), add - "
                "time there"
            ),
        ),
        (
            "import echosvc.time as t\nasync def main(): ...\n",
            (
                "cli.py:1:8: app:cli: uses "
                "echosvc.time, which is not in the entry's modules (_index.yaml:4), add - "
                "time there"
            ),
        ),
        (
            "async def main():\n    from echosvc.time import sleep\n",
            (
                "cli.py:2:5: app:cli: uses "
                "echosvc.time, which is not in the entry's modules (_index.yaml:4), add - "
                "time there"
            ),
        ),
        (
            "import echosvc\nasync def main(): await echosvc.time.sleep(1)\n",
            (
                "cli.py:2:25: app:cli: "
                "uses echosvc.time, which is not in the entry's modules (_index.yaml:4), "
                "add - time there"
            ),
        ),
        (
            "import echosvc as e\nasync def main(): await e.time.sleep(1)\n",
            (
                "cli.py:2:25: app:cli: "
                "uses echosvc.time, which is not in the entry's modules (_index.yaml:4), "
                "add - time there"
            ),
        ),
        (
            "import echosvc._runtime\nasync def main(): ...\n",
            ("cli.py:1:8: app:cli: echosvc._runtime is private, use what the public modules offer"),
        ),
        (
            "from echosvc import _runtime\nasync def main(): ...\n",
            (
                "cli.py:1:21: app:cli: "
                "echosvc._runtime is private, use what the public modules offer"
            ),
        ),
        (
            "from echosvc import chanel\nasync def main(): ...\n",
            ("cli.py:1:21: app:cli: echosvc has no chanel, did you mean channel?"),
        ),
        (
            "from echosvc.__main__ import main\n",
            "cli.py:1:1: app:cli: echosvc.__main__ is private, use what the public modules offer",
        ),
        (
            "from echosvc.chanel import new\nasync def main(): ...\n",
            ("cli.py:1:1: app:cli: echosvc has no module chanel, did you mean channel?"),
        ),
        (
            "from echosvc import *\nasync def main(): ...\n",
            ("cli.py:1:21: app:cli: a star takes all of echosvc, name what you need"),
        ),
        (
            "from . import helper\nasync def main(): ...\n",
            (
                "cli.py:1:1: app:cli: a source is no "
                "part of a package, and has no relative imports, import an installed package"
            ),
        ),
    ],
)
def test_source_is_refused_at_its_line(write: Write, cli: str | bytes, fault: str) -> None:
    assert faults(write, cli) == [fault]


@pytest.mark.parametrize(
    "cli",
    [
        "from echosvc import process, channel, coroutine, errors\nasync def main(): ...\n",
        "from echosvc import __version__\nasync def main(): return __version__\n",
        "import echosvc\nasync def main(): return echosvc.__version__, echosvc.process\n",
        "import json, echosvc_like\nasync def main(): echosvc_like.time\n",
        (
            "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from echosvc import time\n"
            "async def main(): ...\n"
        ),
        "try:\n    import x\nexcept ImportError:\n    async def main(): ...\n",
        "from somewhere import main\n",
        "main = make()\n",
        "@decorated\nasync def main(): ...\n",
        "async def main():\n    async def inner():\n        yield\n",
    ],
)
def test_source_that_needs_no_listing_passes(write: Write, cli: str) -> None:
    assert faults(write, cli) == []


@pytest.mark.parametrize(
    ("cli", "begin"),
    [
        ("async def main():\n  return 1\n   x\n", "cli.py:3:"),
        (b"x = '\xff'\n", "cli.py:1:"),
        (b"# coding: nope\n", "cli.py: "),
        (b"x = 1\0\n", "cli.py: "),
    ],
)
def test_source_that_python_cannot_read_is_refused(
    write: Write, cli: str | bytes, begin: str
) -> None:
    # The words and the column are Python's own, and differ between its versions.
    (found,) = faults(write, cli)
    assert found.startswith(begin)
    assert ": app:cli: Python" in found.replace("cli.py: app", "cli.py:: app")


def test_module_that_is_not_for_sources_is_refused(
    write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("echosvc._manifest.analysis.exists", lambda module: False)
    (found,) = faults(write, "from echosvc.time import sleep\nasync def main(): ...\n")
    assert found.startswith("cli.py:1:1: app:cli: echosvc.time is not for sources")


def test_listed_modules_may_be_used_and_must_exist(write: Write) -> None:
    cli = "from echosvc import time\nfrom echosvc.time import sleep\nasync def main(): ...\n"
    modules = "    modules:\n      - time\n      - tiem\n      - process\n      - time\n"
    assert faults(write, cli, modules) == [
        "_index.yaml:9:9: app:cli: echosvc has no module 'tiem', did you mean time?",
        "_index.yaml:11:9: app:cli: time is listed twice, delete one",
    ]


def test_module_that_is_used_often_is_said_once(write: Write) -> None:
    cli = "import echosvc\nfrom echosvc import time\nasync def main(): echosvc.time.after(1)\n"
    assert len(faults(write, cli)) == 1


@pytest.mark.parametrize(
    ("given", "fault"),
    [
        ("file://cly.py", "there is no file cly.py, did you mean cli.py?"),
        ("file://far/cli.py", "there is no file far/cli.py, write it, or correct the path"),
        ("file://sub", "sub is no file, write it, or correct the path"),
        ("cli.py", "the source 'cli.py' names no file, write file://cli.py"),
        ("file:cli.py", "the source 'file:cli.py' names no file, write file://cli.py"),
        ('"\\n"', "the source '\\n' names no file, write file:// and a path"),
        ('"file://a\\0b"', "there is no file a\0b, write it, or correct the path"),
    ],
)
def test_source_that_is_no_file(write: Write, given: str, fault: str) -> None:
    write(**{"sub/x": ""})
    more = f"  - name: x\n    kind: process.py\n    source: {given}\n"
    found = faults(write, "async def main(): ...\n", more)
    assert found == [f"_index.yaml:9:13: app:x: {fault}"]


@pytest.fixture
def app(write: Write) -> Path:
    """An application's folder in the current one, with a file beside it and below it."""
    main = "async def main(): ...\n"
    return write(**{"outside.py": main, "app/below/shared.py": main}) / "app"


def faults_of(app: Path, given: str, manifest: str = "_index.yaml") -> list[str]:
    entry = f"  - name: x\n    kind: process.py\n    source: {given}\n"
    (app / manifest).parent.mkdir(exist_ok=True)
    (app / manifest).write_text(HEAD + entry)
    return [str(fault) for fault in check(app)]


@pytest.mark.parametrize(
    ("given", "fault"),
    [
        ("file://../outside.py", "outside.py is"),
        ("file://../nowhere.py", "nowhere.py is"),
        ("file:///etc/passwd", "/etc/passwd is"),
        ("file://../../../../../../../../../etc/passwd", "/etc/passwd is"),
        ("file://link.py", "app/link.py leads to outside.py,"),
        ("file://folder/outside.py", "app/folder/outside.py is"),
    ],
)
def test_a_source_outside_of_the_applications_folder_is_a_fault_and_not_opened(
    app: Path, monkeypatch: pytest.MonkeyPatch, given: str, fault: str
) -> None:
    (app / "link.py").symlink_to("../outside.py")
    (app / "folder").symlink_to("..")
    monkeypatch.setattr(source, "read_bytes", pytest.fail)
    cure = "put it there, or what sources share into a package"
    (found,) = faults_of(app, given)
    where = "app/_index.yaml:6:13: app:x"
    assert found == f"{where}: {fault} outside of the application's folder app, {cure}"


def test_a_source_outside_is_not_loaded_either(app: Path) -> None:
    with pytest.raises(ManifestError, match="outside of the application's folder"):
        source.load(entry(app, "../outside.py"))


@pytest.mark.parametrize(
    ("given", "manifest"),
    [
        ("file://below/shared.py", "_index.yaml"),
        ("file://../below/shared.py", "part/_index.yaml"),
        ("file://link.py", "_index.yaml"),
    ],
)
def test_a_source_anywhere_below_the_applications_folder_is_sound(
    app: Path, given: str, manifest: str
) -> None:
    (app / "link.py").symlink_to("below/shared.py")
    assert faults_of(app, given, manifest) == []


def test_an_application_may_be_reached_by_a_link(app: Path) -> None:
    (app.parent / "current").symlink_to("app")
    (app / "link.py").symlink_to(app / "below" / "shared.py")
    assert faults_of(app.parent / "current", "file://below/shared.py") == []
    assert faults_of(app.parent / "current", "file://link.py") == []
    assert len(faults_of(app.parent / "current", "file://../outside.py")) == 1


def test_a_manifest_may_be_a_link(app: Path) -> None:
    (app / "..data").mkdir()
    (app / "..data" / "main.py").write_text("async def main(): ...\n")
    (app / "main.py").symlink_to("..data/main.py")
    (app / "_index.yaml").symlink_to("..data/_index.yaml")
    assert faults_of(app, "file://main.py") == []
    assert (app / "..data" / "_index.yaml").exists()


def test_fault_in_a_shared_source_is_said_once(write: Write) -> None:
    more = CLI.replace("name: cli", "name: cli2")
    assert faults(write, "x = (\n", more) == ["cli.py:1:5: app:cli: Python: '(' was never closed"]


def test_source_too_deep_for_python_is_a_fault(write: Write) -> None:
    (found,) = faults(write, f"x = {'-' * 100_000}1\n")
    assert found.startswith("cli.py: app:cli: Python cannot compile it: ")


def test_check_runs_nothing(write: Write) -> None:
    assert faults(write, "raise SystemExit\nasync def main(): ...\n") == []


def test_names_of_public_modules_are_plain() -> None:
    assert ALWAYS < PUBLIC_MODULES
    assert all(name.isidentifier() and not name.startswith("_") for name in PUBLIC_MODULES)


async def test_load_gives_the_method(tmp_path: Path) -> None:
    (tmp_path / "x.py").write_text("async def main(a): return a + 1\n")
    assert await source.load(entry(tmp_path))(1) == 2


def test_file_is_run_once_for_all_its_entries(tmp_path: Path) -> None:
    (tmp_path / "x.py").write_text(
        "import builtins\n"
        "builtins.loaded = getattr(builtins, 'loaded', 0) + 1\n"
        "count = builtins.loaded\n"
        "async def main(): ...\n"
        "async def other(): ...\n"
    )
    main, other = source.load(entry(tmp_path)), source.load(entry(tmp_path, method="other"))
    assert main.__globals__ is other.__globals__
    assert main.__globals__["count"] == 1
    assert sys.modules[main.__module__].main is main


def test_files_of_the_same_name_are_different_modules(tmp_path: Path) -> None:
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "x.py").write_text(f"who = {folder!r}\nasync def main(): ...\n")
    a, b = (source.load(entry(tmp_path / folder)) for folder in ("a", "b"))
    assert (a.__globals__["who"], b.__globals__["who"]) == ("a", "b")
    assert a.__module__ != b.__module__


def test_a_module_is_called_by_its_namespace_and_its_file(tmp_path: Path) -> None:
    namespace = f"shop.n{uuid.uuid4().hex}"
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "order.book.py").write_text(
            "import pickle\nclass Odd(Exception): ...\nasync def main():\n    raise Odd('x')\n"
        )
    spec = ProcessPy(source="file://order.book.py")
    entries = [
        Entry(namespace, "x", "process.py", spec, file=tmp_path / folder / "_index.yaml")
        for folder in ("a", "b")
    ]
    first, second = (source.load(each) for each in entries)
    plain = f"{namespace.replace('.', '_')}:order_book"
    assert name_of(first) == f"{plain}.main"
    assert name_of(second).startswith(f"{plain}~")
    assert source.load(entries[0]) is first
    (tmp_path / "a" / "order.book.py").write_text("async def main(): ...\n")
    assert name_of(source.reload(entries[0])) == f"{plain}.main"


def test_tracebacks_say_the_module_in_words(tmp_path: Path) -> None:
    (tmp_path / "x.py").write_text("class Odd(Exception): ...\nasync def main(): ...\n")
    odd = source.load(entry(tmp_path)).__globals__["Odd"]("here")
    (line,) = traceback.format_exception_only(odd)
    assert re.fullmatch(r"app:x(~[0-9a-f]{12})?\.Odd: here\n", line)
    with pytest.raises(type(odd), match="here"):
        raise pickle.loads(pickle.dumps(odd))


def test_dataclasses_and_pickle_find_the_module(tmp_path: Path) -> None:
    (tmp_path / "x.py").write_text(
        "from __future__ import annotations\n"
        "import dataclasses, pickle\n"
        "@dataclasses.dataclass\nclass Point:\n    x: int\n"
        "async def main(): ...\n"
    )
    point = source.load(entry(tmp_path)).__globals__["Point"](3)
    assert pickle.loads(pickle.dumps(point)) == point


async def test_traceback_shows_the_source(tmp_path: Path) -> None:
    (tmp_path / "x.py").write_text("async def main():\n    raise ValueError('here')\n")
    with pytest.raises(ValueError, match="here") as caught:
        await source.load(entry(tmp_path))()
    assert "raise ValueError('here')" in "".join(traceback.format_exception(caught.value))


def test_nothing_is_written_beside_the_source(tmp_path: Path) -> None:
    (tmp_path / "x.py").write_text("async def main(): ...\n")
    source.load(entry(tmp_path))
    assert [path.name for path in tmp_path.iterdir()] == ["x.py"]


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        (
            "\n1 / 0\n",
            ("x.py:2: app:x: failed while it was loaded: ZeroDivisionError: division by zero"),
        ),
        (
            "import json\n\njson.loads('x')\n",
            (
                "x.py:3: app:x: failed while it was loaded: "
                "JSONDecodeError: Expecting value: line 1 column 1 (char 0)"
            ),
        ),
        ("import sys\nsys.exit(3)\n", "x.py:2: app:x: failed while it was loaded: SystemExit: 3"),
        (
            "import nowhere_to_be_found\n",
            (
                "x.py:1: app:x: failed while it was loaded: "
                "ModuleNotFoundError: No module named 'nowhere_to_be_found', "
                "install it, or put its folder on PYTHONPATH"
            ),
        ),
        (
            "import helper\n",
            (
                "x.py:1: app:x: failed while it was loaded: ModuleNotFoundError: "
                "No module named 'helper', helper.py stands beside it, but a source is no package: "
                "install it, or put its folder on PYTHONPATH"
            ),
        ),
    ],
)
def test_source_that_fails_while_loading_names_its_line(
    write: Write, text: str, fault: str
) -> None:
    folder = write(**{"x.py": text + "async def main(): ...\n", "helper.py": ""})
    before = set(sys.modules)
    with pytest.raises(ManifestError) as caught:
        source.load(entry(folder))
    assert str(caught.value) == fault
    assert caught.value.__cause__ is not None
    assert {name for name in set(sys.modules) - before if "source" in name} == set()


def test_interrupt_while_loading_gets_through(tmp_path: Path) -> None:
    (tmp_path / "x.py").write_text("raise KeyboardInterrupt\nasync def main(): ...\n")
    with pytest.raises(KeyboardInterrupt):
        source.load(entry(tmp_path))


@pytest.mark.parametrize(
    "text",
    [
        "main = 5\n",
        "from json import loads as main\n",
        "main = 1\ndel main\n",
        "import json as main\n",
    ],
)
def test_bound_name_that_is_no_async_function_is_refused_at_load(write: Write, text: str) -> None:
    with pytest.raises(ManifestError, match=r"app:x: main of x\.py is no async function"):
        source.load(entry(write(**{"x.py": text})))


@pytest.mark.parametrize(
    "text",
    [
        "import functools\nasync def work(n): return n\nmain = functools.partial(work, 2)\n",
        "class Work:\n    async def __call__(self): return 2\nmain = Work()\n",
        (
            "def twice(fn):\n    def wrapper(): return fn(2)\n    return wrapper\n"
            "@twice\nasync def main(n): return n\n"
        ),
    ],
)
async def test_anything_that_is_called_async_may_be_the_method(tmp_path: Path, text: str) -> None:
    (tmp_path / "x.py").write_text(text)
    assert await source.load(entry(tmp_path))() == 2


def test_load_checks_modules_for_each_entry(tmp_path: Path) -> None:
    (tmp_path / "x.py").write_text("from echosvc import time\nasync def main(): time\n")
    source.load(entry(tmp_path, modules=["time"]))
    with pytest.raises(ManifestError, match=r"uses echosvc\.time"):
        source.load(entry(tmp_path))


async def test_reload_gives_the_new_version_and_leaves_the_old_functions(tmp_path: Path) -> None:
    file = tmp_path / "x.py"
    file.write_text("VERSION = 1\nasync def main(): return VERSION\n")
    old = source.load(entry(tmp_path))
    file.write_text("VERSION = 2\nasync def main(): return VERSION\n")
    assert source.load(entry(tmp_path)) is old
    new = source.reload(entry(tmp_path))
    assert (await old(), await new()) == (1, 2)
    assert source.load(entry(tmp_path)) is new


@pytest.mark.parametrize("text", ["x = (\n", "1 / 0\nasync def main(): ...\n", "y = 1\n"])
def test_reload_that_fails_leaves_what_was_there(tmp_path: Path, text: str) -> None:
    file = tmp_path / "x.py"
    file.write_text("async def main(): return 1\n")
    old = source.load(entry(tmp_path))
    file.write_text(text)
    with pytest.raises(ManifestError):
        source.reload(entry(tmp_path))
    assert source.load(entry(tmp_path)) is old
    assert sys.modules[old.__module__].__dict__ is old.__globals__


def test_analysis_tells_what_a_source_defines() -> None:
    found = analyse(
        b"import a.b\nx, (y, z) = 1, (2, 3)\nw: int = 1\nasync def f(): ...\ndef g(): ...\n",
        Path("x.py"),
    )
    assert {name: method.kind for name, method in found.methods.items()} == {
        "a": "bound",
        "x": "bound",
        "y": "bound",
        "z": "bound",
        "w": "bound",
        "f": "async",
        "g": "sync",
    }
