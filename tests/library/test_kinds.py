"""A package that adds a kind and a module: a real one, installed in a folder on the path."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import trio
import trio.testing

import echosvc
from echosvc import open_runtime, process
from echosvc._manifest.check import check
from echosvc._manifest.plugins import ALL_KINDS, module_names
from echosvc.errors import ManifestError
from tests.runtime.helpers import settle

PACKAGE = """
    from collections.abc import Iterator

    from echosvc import kinds, logger, process, time
    from echosvc.errors import ManifestError


    class Ticker(kinds.Spec, frozen=True):
        every: kinds.Seconds
        to: str
        words: list[str] = []
        fail_after: kinds.Count = 0
        host: str | None = None
        lifecycle: kinds.Lifecycle = kinds.Lifecycle()


    def check(entry: kinds.Entry) -> Iterator[ManifestError]:
        for index, word in enumerate(entry.spec.words):
            if not word.strip():
                yield entry.fault("an empty word", "words", index, hint="say something")


    async def run(entry: kinds.Entry) -> None:
        spec: Ticker = entry.spec
        count = 0
        while True:
            await time.sleep(spec.every)
            for word in spec.words or ["tick"]:
                process.send(spec.to, word, count)
            count += 1
            if spec.fail_after and count >= spec.fail_after:
                raise RuntimeError("worn out")


    TICKER = kinds.Kind(
        "acme.ticker", Ticker, (kinds.Reference(("host",), kinds.HOSTS),), check=check, run=run
    )
    NOT_A_KIND = 7
    MISNAMED = kinds.Kind("acme.other", Ticker, run=run)
    IDLE = kinds.Kind("acme.idle", Ticker)
"""
POINTS = """
    [echosvc.kinds]
    acme.ticker = acme_ticker:TICKER
    acme.broken = acme_ticker:NOTHING
    acme.seven = acme_ticker:NOT_A_KIND
    acme.misnamed = acme_ticker:MISNAMED
    acme.idle = acme_ticker:IDLE
    process.host = acme_ticker:TICKER

    [echosvc.modules]
    weather = acme_ticker.weather
    storm = acme_ticker.storm
"""
WEATHER = """
    def today() -> str:
        return "fine"
"""

TICKER = """
    - name: clock
      kind: acme.ticker
      every: 2s
      to: listener
      lifecycle: {auto_start: true}
"""


def install(folder: Path, name: str, points: str, **files: str) -> None:
    package, info = folder / name, folder / f"{name}-1.0.dist-info"
    package.mkdir(parents=True)
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(textwrap.dedent(points))
    for file, text in files.items():
        (package / f"{file}.py").write_text(textwrap.dedent(text))


@pytest.fixture
def acme(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Path]:
    site = tmp_path_factory.mktemp("site")
    install(site, "acme_ticker", POINTS, __init__=PACKAGE, weather=WEATHER, storm="1 / 0")
    monkeypatch.syspath_prepend(site)
    yield site
    for name in [name for name in sys.modules if name.startswith(("acme_", "echosvc.weather"))]:
        del sys.modules[name]
    vars(echosvc).pop("weather", None)


@pytest.fixture
def faults(application: Callable[..., Path], acme: Path) -> Callable[..., list[str]]:
    def lines(entries: str, **sources: str) -> list[str]:
        folder = application(entries, **sources)
        return [str(fault).removeprefix(f"{folder}/") for fault in check(folder)]

    return lines


# -- kinds


async def test_an_entry_of_an_own_kind_runs_as_a_service(
    acme: Path, application: Callable[..., Path], autojump_clock: trio.testing.MockClock
) -> None:
    async with open_runtime(application(TICKER)) as runtime, runtime.attach("listener"):
        started = trio.current_time()
        messages = [await process.inbox().receive() for _ in range(2)]
        assert [(message.topic, message.data) for message in messages] == [("tick", 0), ("tick", 1)]
        assert trio.current_time() == pytest.approx(started + 4)
        (service,) = runtime.services()
        assert (service.id, service.state.value) == ("app:clock", "running")
        assert service.pid is not None
        assert (service.pid.host, process.info(service.pid).entry) == ("kinds", "app:clock")


async def test_it_is_restarted_by_its_lifecycle(
    acme: Path, application: Callable[..., Path], autojump_clock: trio.testing.MockClock
) -> None:
    entry = TICKER + "      fail_after: 1\n"
    async with open_runtime(application(entry)) as runtime, runtime.attach("listener"):
        for _ in range(3):
            assert (await process.inbox().receive()).data == 0
        await settle()
        assert runtime.services()[0].last_error is not None


async def test_it_runs_on_the_host_that_it_names(
    acme: Path, application: Callable[..., Path], autojump_clock: trio.testing.MockClock
) -> None:
    entry = TICKER + "      host: app:processes\n"
    async with open_runtime(application(entry)) as runtime:
        (service,) = runtime.services()
        assert service.pid is not None
        assert service.pid.host == "app:processes"


def test_faults_of_its_entries_are_said_as_those_of_any_other(
    faults: Callable[..., list[str]],
) -> None:
    found = faults("""
        - {name: a, kind: acme.ticker, every: soon, to: x, wrds: 1}
        - {name: b, kind: acme.ticker, every: 1s, host: "app:a", words: [x, " "], to: x}
        - {name: c, kind: acme.tikcer}
    """)
    expected = [
        ("_index.yaml:5:41: app:a: ", "every: not a duration: 'soon'"),
        ("_index.yaml:5:54: app:a: ", "unknown field 'wrds', did you mean words"),
        ("_index.yaml:6:51: app:b: ", "host names app:a, which is a acme.ticker, name an entry of"),
        ("_index.yaml:6:71: app:b: ", "an empty word, say something"),
        ("_index.yaml:7:21: app:c: ", "unknown kind 'acme.tikcer', did you mean acme.ticker"),
    ]
    for fault, (place, words) in zip(found, expected, strict=True):
        assert fault.startswith(place + words)


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("acme.broken", "does not load: AttributeError: module 'acme_ticker' has no attribute"),
        ("acme.seven", "is a int, and no echosvc.kinds.Kind"),
        ("acme.misnamed", "calls itself acme.other"),
        ("acme.idle", "has a lifecycle, and nothing to run"),
    ],
)
def test_a_kind_that_is_of_no_use_is_a_fault_where_it_is_used(
    faults: Callable[..., list[str]], kind: str, words: str
) -> None:
    (fault,) = faults(f"- {{name: a, kind: {kind}}}")
    assert fault.startswith(f"_index.yaml:5:21: app:a: the kind {kind} of the package acme_ticker ")
    assert words in fault
    assert fault.endswith(", that is a fault of the package")


def test_a_kind_of_two_packages_is_a_fault_that_names_both(
    faults: Callable[..., list[str]], acme: Path
) -> None:
    install(acme, "acme_two", "[echosvc.kinds]\nacme.ticker = acme_two:T\n", __init__="")
    sys.path.append(str(acme / "acme_two"))  # another path, so that packages are looked for again
    try:
        (fault,) = faults("- {name: a, kind: acme.ticker}")
    finally:
        sys.path.pop()
    assert "comes from two packages, acme_ticker and acme_two, uninstall one of them" in fault


def test_a_kind_of_echosvc_stays_what_it_is(acme: Path) -> None:
    assert ALL_KINDS["process.host"].spec.__name__ == "ProcessHost"
    assert list(ALL_KINDS).count("process.host") == 1
    assert set(ALL_KINDS) - {"acme.ticker"} == {name for name in ALL_KINDS if "acme" not in name}


def test_without_packages_there_are_echosvcs_own() -> None:
    assert "acme.ticker" not in ALL_KINDS
    assert module_names() == []


# -- modules


@pytest.mark.parametrize(
    "line", ["from echosvc import weather", "import echosvc.weather as weather"]
)
async def test_a_module_of_a_package_is_imported_as_any_other(
    acme: Path,
    application: Callable[..., Path],
    autojump_clock: trio.testing.MockClock,
    line: str,
) -> None:
    entry = "- {name: say, kind: process.py, source: file://say.py, modules: [weather]}"
    source = f"{line}\nasync def main():\n    return weather.today()\n"
    async with open_runtime(application(entry, say=source)) as runtime:
        assert await runtime.run("app:say", "app:processes") == "fine"


def test_a_module_has_to_be_listed(faults: Callable[..., list[str]]) -> None:
    source = "from echosvc import weather\nasync def main(): ...\n"
    (fault,) = faults("- {name: say, kind: process.py, source: file://say.py}", say=source)
    assert "uses echosvc.weather, which is not in the entry's modules" in fault
    (fault,) = faults(
        "- {name: say, kind: process.py, source: file://say.py, modules: [wether]}",
        say="async def main(): ...",
    )
    assert "echosvc has no module 'wether', did you mean weather" in fault


async def test_a_module_that_does_not_load_is_a_fault_at_its_line(
    acme: Path, application: Callable[..., Path], autojump_clock: trio.testing.MockClock
) -> None:
    entry = "- {name: say, kind: process.py, source: file://say.py, modules: [storm]}"
    source = "from echosvc import storm\nasync def main(): ...\n"
    async with open_runtime(application(entry, say=source)) as runtime:
        with pytest.raises(ManifestError, match=r"the module storm of .* does not load: ZeroDiv"):
            await runtime.run("app:say", "app:processes")


def test_what_nobody_adds_is_an_attribute_error(acme: Path) -> None:
    with pytest.raises(AttributeError, match="has no attribute 'wether'"):
        _ = echosvc.wether
    assert not hasattr(echosvc, "_weather")


# -- the command line


def test_the_command_line_knows_them(acme: Path, application: Callable[..., Path]) -> None:
    folder = application(TICKER.replace("2s", "soon"))
    result = subprocess.run(
        [sys.executable, "-m", "echosvc", "--src", str(folder), "check"],
        capture_output=True,
        text=True,
        check=False,
        env={"PYTHONPATH": f"{acme}:{Path(echosvc.__file__).parents[1]}", "PATH": ""},
    )
    assert result.returncode == 4
    assert "app:clock: every: not a duration: 'soon'" in result.stdout + result.stderr
