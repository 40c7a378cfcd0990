from __future__ import annotations

import math
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
import trio
import trio.testing
from hypothesis import given, settings
from hypothesis import strategies as st

from echosvc import errors, time
from echosvc.time import parse_duration

NANOSECONDS = {
    "ns": 1,
    "us": 1_000,
    "µs": 1_000,
    "μs": 1_000,
    "ms": 1_000_000,
    "s": 1_000_000_000,
    "m": 60_000_000_000,
    "h": 3_600_000_000_000,
}


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0", 0.0),
        ("+0", 0.0),
        ("-0", 0.0),
        ("0s", 0.0),
        ("5s", 5.0),
        ("30s", 30.0),
        ("1478s", 1478.0),
        ("-5s", -5.0),
        ("+5s", 5.0),
        ("5.0s", 5.0),
        ("5.6s", 5.6),
        ("5.s", 5.0),
        (".5s", 0.5),
        ("1.0s", 1.0),
        ("1.004s", 1.004),
        ("100.00100s", 100.001),
        ("10ns", 1e-8),
        ("11us", 1.1e-5),
        ("12µs", 1.2e-5),
        ("12μs", 1.2e-5),
        ("13ms", 0.013),
        ("14s", 14.0),
        ("15m", 900.0),
        ("16h", 57600.0),
        ("3h30m", 12600.0),
        ("10.5s4m", 250.5),
        ("-2m3.4s", -123.4),
        ("1h2m3s4ms5us6ns", 3723.004005006),
        ("39h9m14.425s", 140954.425),
        ("0.3333333333333333333h", 1200.0),
        ("100ms", 0.1),
        ("0.1s0.2s", 0.3),  # added up before it is rounded: 0.1 + 0.2 is not 0.3
        ("300000h", 1.08e9),
    ],
)
def test_text_is_a_duration(text: str, seconds: float) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize(
    "text",
    [
        "",
        "3",
        "-",
        "+",
        "s",
        ".",
        "-.",
        ".s",
        "+.s",
        "1d",
        "1 s",
        " 1s",
        "1s ",
        "1s\n",
        "1h 30m",
        "--1s",
        "+-1s",
        "1s-1m",
        "1e3s",
        "1,5s",
        "1S",
        "1Ms",
        "1sec",
        "1s1",
        "00",
        "0.0",
        "inf",
        "nan",
        "infs",
        "1..5s",
        "1.5.5s",
        "٣s",
        "1_000s",
        "0x10s",
        "twelve",
    ],
)
def test_other_text_is_invalid_and_quoted(text: str) -> None:
    with pytest.raises(errors.Invalid) as caught:
        parse_duration(text)
    assert str(caught.value) == (
        f"not a duration: {text!r}; write numbers with units (ns us ms s m h), like '1h30m'"
    )


def test_text_without_end_is_invalid_and_not_quoted() -> None:
    with pytest.raises(errors.Invalid, match="a text of 5001 characters"):
        parse_duration("9" * 5000 + "s")


@pytest.mark.parametrize(
    ("number", "seconds"),
    [(0, 0.0), (3, 3.0), (2.5, 2.5), (-1, -1.0), (math.inf, math.inf), (-math.inf, -math.inf)],
)
def test_number_is_seconds(number: float, seconds: float) -> None:
    parsed = parse_duration(number)
    assert parsed == seconds
    assert type(parsed) is float


@pytest.mark.parametrize(
    "thing",
    [None, True, b"2s", [], 1j, Decimal(1), Fraction(1), math.nan, 10**400],
    ids=lambda thing: type(thing).__name__,
)
def test_other_things_are_invalid(thing: Any) -> None:
    with pytest.raises(errors.Invalid, match="not a duration"):
        parse_duration(thing)


parts = st.lists(
    st.tuples(
        st.decimals(0, 10**6, allow_nan=False, places=6),
        st.sampled_from(sorted(NANOSECONDS)),
    ),
    min_size=1,
    max_size=5,
)


@settings(deadline=None)
@given(st.sampled_from(["", "+", "-"]), parts)
def test_what_is_written_is_added_up_and_rounded_once(
    sign: str, parts: list[tuple[Decimal, str]]
) -> None:
    text = sign + "".join(f"{number:f}{unit}" for number, unit in parts)
    nanoseconds = sum(Fraction(number) * NANOSECONDS[unit] for number, unit in parts)
    assert parse_duration(text) == float(nanoseconds / 10**9) * (-1 if sign == "-" else 1)


def written(nanoseconds: int) -> str:
    """Write a duration as Go does: largest unit first, seconds with their decimals."""
    sign, rest = ("-", -nanoseconds) if nanoseconds < 0 else ("", nanoseconds)
    hours, rest = divmod(rest, NANOSECONDS["h"])
    minutes, rest = divmod(rest, NANOSECONDS["m"])
    seconds, rest = divmod(rest, NANOSECONDS["s"])
    text = f"{seconds}.{rest:09}".rstrip("0").rstrip(".") + "s"
    return sign + (f"{hours}h{minutes}m" if hours else f"{minutes}m" if minutes else "") + text


@settings(deadline=None)
@given(st.integers(-(2**63), 2**63 - 1))
def test_every_duration_that_go_can_write_reads_back(nanoseconds: int) -> None:
    assert parse_duration(written(nanoseconds)) == nanoseconds / 10**9


@settings(deadline=None)
@given(st.text(max_size=20) | st.text("0123456789.hmsnuµ+- ", max_size=20))
def test_any_text_is_a_finite_number_or_invalid(text: str) -> None:
    try:
        seconds = parse_duration(text)
    except errors.Invalid:
        return
    assert math.isfinite(seconds)


async def test_sleep_takes_a_duration(autojump_clock: object) -> None:
    await time.sleep("1m30s")
    await time.sleep(2)
    assert time.now() == trio.current_time() == 92


@pytest.mark.parametrize("duration", [0, -1, "-2s", -math.inf])
async def test_sleep_of_nothing_is_a_checkpoint(duration: Any, mock_clock: object) -> None:
    with trio.testing.assert_checkpoints():
        await time.sleep(duration)
    assert time.now() == 0


async def test_sleep_of_no_duration_is_invalid() -> None:
    with pytest.raises(errors.Invalid):
        await time.sleep("soon")


async def test_sleep_for_ever_can_be_cancelled(autojump_clock: object) -> None:
    with trio.move_on_after(5) as scope:
        await time.sleep(math.inf)
    assert scope.cancelled_caught
