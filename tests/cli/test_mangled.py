"""Whatever is in the manifests and the configuration: one line for each fault, and no start."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from .conftest import MANIFEST, SOURCE, Shell

CONFIGURATION = "log: &log\n  level: debug\n  format: json\nshutdown: {timeout: 5s}\n"
PIECES = [
    b"\t", b"\0", b"\xff", b": ", b"- ", b"\n", b"&a ", b"*a", b"&log ", b"*log", b"{", b"}", b"[",
    b"]", b"'", b'"', b"!!", b"? ", b"<<: *log\n", b"---\n", b"|\n", b"${env:", b"\xef\xbb\xbf",
    b"#", b"\\", b"9" * 5000, b"[" * 200, b"&r [*r]", b"a: " * 50, b"\xed\xa0\x80", b"\r",
]  # fmt: skip
RELAXED = settings(
    deadline=None,
    max_examples=60,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)


class Runs:
    """Stands for what starts a run, and counts."""

    def __init__(self) -> None:
        self.started = 0

    def perform(self, *_: object) -> int:
        self.started += 1
        return 0


@pytest.fixture
def runs(monkeypatch: pytest.MonkeyPatch) -> Iterator[Runs]:
    runs = Runs()
    monkeypatch.setattr("echosvc._cli.perform.perform", runs.perform)
    return runs


def mangled(data: st.DataObject, text: str) -> bytes:
    """Return a text with bytes flipped, lines dropped, pieces put in, parts repeated."""
    found = bytearray(text.encode())
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(found)))
        how = data.draw(st.sampled_from(["flip", "put in", "cut", "repeat", "drop"]))
        if how == "flip" and at < len(found):
            found[at] = data.draw(st.integers(0, 255))
        elif how == "put in":
            found[at:at] = data.draw(st.sampled_from(PIECES))
        elif how == "cut":
            del found[at : at + data.draw(st.integers(1, 40))]
        elif how == "repeat":
            found[at:at] = found[at : at + data.draw(st.integers(1, 200))]
        else:
            lines = bytes(found).splitlines(keepends=True)
            if lines:
                del lines[data.draw(st.integers(0, len(lines) - 1))]
            found = bytearray(b"".join(lines))
    return bytes(found)


def hold(app: Shell, runs: Runs) -> None:
    """Check and run the application: both agree, nobody sees a traceback, faults start nothing."""
    checked = app("check")
    assert checked.returncode in {0, 4}
    before = runs.started
    done = app("run", "-x", "app:cli")
    for text in (checked.stdout, checked.stderr, done.stderr):
        assert "Traceback" not in text
    # 2: sound, and yet without an app:cli or a host for it
    assert done.returncode in ({4} if checked.returncode == 4 else {0, 2})
    assert (runs.started > before) == (done.returncode == 0)
    if done.returncode:
        assert done.stdout == ""
        assert done.stderr


def test_what_is_wrong_with_a_command_is_a_fault_of_check_and_of_every_run(
    app: Shell, runs: Runs
) -> None:
    manifest = MANIFEST.replace("{name: hello,", "{ame: hello,")
    (app.folder / "src/_index.yaml").write_text(manifest)
    for command in (["check"], ["run"], ["run", "hello"], ["run", "-x", "app:cli"]):
        done = app(*command)
        assert done.returncode == 4
        assert "a command needs a name, write command: NAME" in done.stdout + done.stderr
    assert runs.started == 0


@RELAXED
@given(st.data())
def test_mangled_manifest_starts_nothing(app: Shell, runs: Runs, data: st.DataObject) -> None:
    (app.folder / "src/_index.yaml").write_bytes(mangled(data, MANIFEST))
    hold(app, runs)


@RELAXED
@given(st.data())
def test_mangled_configuration_starts_nothing(app: Shell, runs: Runs, data: st.DataObject) -> None:
    (app.folder / "echosvc.yaml").write_bytes(mangled(data, CONFIGURATION))
    hold(app, runs)


@RELAXED
@given(st.data())
def test_mangled_source_starts_nothing(app: Shell, runs: Runs, data: st.DataObject) -> None:
    (app.folder / "src/cli.py").write_bytes(mangled(data, SOURCE))
    hold(app, runs)


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"x" * 17_000_000,
        b"[" * 100_000,
        b"&a [*a]",
        b"a: &a {b: *a}",
        b"".join(b"l%d: &l%d [%s]\n" % (n, n, b"*l%d, " % (n - 1) * 9) for n in range(1, 40)),
        b"{a: {a: " * 5_000,
        b"\xff\xfe\x00",
        b"? [a, b]\n: c\n",
        b"!!python/object/apply:os.system ['exit 3']",
    ],
    ids=["empty", "huge", "deep", "recursive", "recursive key", "bomb", "deep maps", "utf-16",
         "complex key", "tag"],
)  # fmt: skip
@pytest.mark.parametrize("file", ["src/_index.yaml", "echosvc.yaml", "echosvc.lock"])
def test_monstrous_file_is_a_fault(app: Shell, runs: Runs, file: str, text: bytes) -> None:
    Path(app.folder, file).write_bytes(text)
    done = app("run", "-x", "app:cli")
    if file == "echosvc.yaml" and text == b"":
        assert done.returncode == 0, "an empty configuration says nothing, which is allowed"
        return
    assert done.returncode == 4
    assert all(line.startswith(file) for line in done.stderr.splitlines())
    assert runs.started == 0
