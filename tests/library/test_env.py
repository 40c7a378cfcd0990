"""Environment variables as entries."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from echosvc import env, open_runtime
from echosvc.errors import Invalid, ManifestError, NotFound, Unavailable

Application = Callable[..., Path]


@pytest.fixture
def read(application: Application, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """Read a variable of an application in an environment."""

    async def read(
        fields: str, environ: dict[str, str] | None = None, name: str = "app:x", **get: Any
    ) -> Any:
        monkeypatch.delenv("X", raising=False)
        for key, value in (environ or {}).items():
            monkeypatch.setenv(key, value)
        folder = application(f"- {{name: x, kind: env.variable, variable: X, {fields}}}")
        async with open_runtime(folder) as runtime, runtime.attach():
            return env.get(name, **get)

    return read


@pytest.mark.parametrize(
    ("fields", "text", "value"),
    [
        ("type: str", " as it is ", " as it is "),
        ("", "", ""),
        ("type: int", " 8080 ", 8080),
        ("type: float", "2.5", 2.5),
        ("type: bool", "Yes", True),
        ("type: bool", "off", False),
        ("type: duration", "1m30s", 90.0),
        ("type: duration", "2.5", 2.5),
        ("type: list", "a, b,,c ", ["a", "b", "c"]),
        ("type: list", "", []),
        ("type: int, default: 7", "8", 8),
    ],
)
async def test_a_variable_has_its_type(
    read: Callable[..., Any], fields: str, text: str, value: object
) -> None:
    found = await read(fields, {"X": text})
    assert (found, type(found)) == (value, type(value))


@pytest.mark.parametrize(
    ("fields", "value"),
    [
        ("default: text", "text"),
        ("type: int, default: 7", 7),
        ('type: int, default: "7"', 7),
        ("type: float, default: 7", 7.0),
        ("type: bool, default: false", False),
        ("type: duration, default: 2s", 2.0),
        ("type: duration, default: 2", 2.0),
        ("type: list, default: [a, b]", ["a", "b"]),
        ('type: list, default: "a,b"', ["a", "b"]),
    ],
)
async def test_a_default_has_its_type_too(
    read: Callable[..., Any], fields: str, value: object
) -> None:
    found = await read(fields)
    assert (found, type(found)) == (value, type(value))


async def test_a_variable_is_found_by_its_own_name(read: Callable[..., Any]) -> None:
    assert await read("type: int", {"X": "7"}, name="X") == 7
    with pytest.raises(NotFound, match=r"no entry of kind env.variable is for the variable Y"):
        await read("", name="Y")
    with pytest.raises(Invalid, match="name: expected str of length >= 1"):
        await read("", name="")


async def test_what_is_not_set_is_the_callers_default_or_an_error(
    read: Callable[..., Any],
) -> None:
    assert await read("", default=7) == 7
    with pytest.raises(NotFound, match=r"_index\.yaml:5:\d+: app:x: X is not set, set it to"):
        await read("")
    with pytest.raises(NotFound, match=r"neither in the environment nor in file://.env"):
        await read("storage: file://.env")


async def test_nothing_starts_without_what_is_required(read: Callable[..., Any]) -> None:
    assert await read("required: true", {"X": ""}) == ""
    with pytest.raises(ManifestError, match="app:x: X is not set") as info:
        await read("required: true, type: int")
    assert info.value.line == 5


async def test_nothing_starts_with_a_value_of_the_wrong_type(
    read: Callable[..., Any],
) -> None:
    for type_ in ("int", "float", "bool", "duration"):
        with pytest.raises(ManifestError, match=r"X is not .*, in the environment") as info:
            await read(f"type: {type_}", {"X": "s3cret"})
        assert "s3cret" not in str(info.value)


async def test_all_faults_of_the_environment_are_said_at_once(
    application: Application, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ECHOSVC_PORT", "none")
    folder = application("""
        - {name: a, kind: env.variable, variable: ECHOSVC_PORT, type: int}
        - {name: b, kind: env.variable, variable: ECHOSVC_HOST, required: true}
    """)
    with pytest.raises(ManifestError) as info:
        async with open_runtime(folder):
            pass
    assert [fault.entry for fault in info.value.faults] == ["app:a", "app:b"]


async def test_all_gives_what_has_a_value(
    application: Application, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ECHOSVC_PORT", "80")
    folder = application("""
        - {name: a, kind: env.variable, variable: ECHOSVC_PORT, type: int}
        - {name: b, kind: env.variable, variable: ECHOSVC_HOST}
        - {name: c, kind: env.variable, variable: ECHOSVC_HOST, default: here}
    """)
    async with open_runtime(folder) as runtime, runtime.attach():
        assert env.all() == {"app:a": 80, "app:c": "here"}
        monkeypatch.setenv("ECHOSVC_PORT", "81")
        assert env.get("app:a") == 81


async def test_a_file_has_what_the_environment_has_not(
    read: Callable[..., Any], tmp_path: Path
) -> None:
    (tmp_path / ".env").write_text(
        "# a comment\n\nexport X = 'a # b'  # said\nY=plain # said\nZ=\"q\"\n"
    )
    assert await read("storage: file://.env") == "a # b"
    assert await read("storage: file://.env", {"X": "first"}) == "first"


@pytest.mark.parametrize(
    ("text", "value"),
    [("X=", ""), ("X=a b # c", "a b"), ("X=a#b", "a#b"), ('X="a\'b"', "a'b"), ("X=1\nX=2", "2")],
)
async def test_values_in_a_file(
    read: Callable[..., Any], tmp_path: Path, text: str, value: str
) -> None:
    (tmp_path / ".env").write_text(text)
    assert await read("storage: file://.env") == value


async def test_a_fault_in_a_file_has_its_line(read: Callable[..., Any], tmp_path: Path) -> None:
    for text, words in (
        ("Y=1\nX", "this is no variable, write NAME=value"),
        ("Y=1\nX='open", "this is no variable"),
        ("Y=1\nX=many", "X is not a whole number"),
    ):
        (tmp_path / ".env").write_text(text)
        with pytest.raises(ManifestError, match=rf"\.env:2: app:x: {words}"):
            await read("storage: file://.env, type: int")


async def test_a_file_that_cannot_be_read_is_a_fault(
    read: Callable[..., Any], tmp_path: Path
) -> None:
    (tmp_path / ".env").write_bytes(b"X=\xff")
    with pytest.raises(ManifestError, match=r"\.env cannot be read: it is no text in UTF-8"):
        await read("storage: file://.env")
    (tmp_path / "folder").mkdir()
    with pytest.raises(ManifestError, match="folder cannot be read: it is a folder"):
        await read("storage: file://folder")


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ("type: number", "type: expected"),
        ("type: int, default: many", "the default is not a whole number"),
        ("type: int, default: 2.5", "the default is not a whole number"),
        ("type: bool, default: 1", "the default is not true or false"),
        ("type: str, default: 1", "the default is not a text"),
        ("type: duration, default: soon", "the default is not a duration"),
        ("default: a, required: true", "what has a default need not be required"),
        ("storage: .env", "the storage '.env' is unknown, write os, or file://"),
    ],
)
async def test_a_fault_of_an_entry_has_its_place(
    read: Callable[..., Any], fields: str, words: str
) -> None:
    with pytest.raises(ManifestError, match=words) as info:
        await read(fields)
    assert (info.value.line, info.value.entry) == (5, "app:x")


async def test_a_name_that_is_no_variables_is_a_fault(application: Application) -> None:
    folder = application("- {name: x, kind: env.variable, variable: MY-PORT}")
    with pytest.raises(ManifestError, match="variable: expected str matching regex"):
        async with open_runtime(folder):
            pass


def test_outside_a_process_there_is_no_environment() -> None:
    with pytest.raises(Unavailable):
        env.get("PORT")
