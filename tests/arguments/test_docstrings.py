"""What every docstring of the public says: what it raises, and what cancellation does."""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

from echosvc import supervision
from echosvc.errors import Invalid
from tests.arguments import public
from tests.arguments.docstrings import is_told_of
from tests.arguments.table import REFUSED


def can_be_cancelled(fn: Callable[..., Any]) -> bool:
    """Whether a call is awaited, or gives a block whose ends are."""
    inner = inspect.unwrap(fn)
    return (
        inspect.iscoroutinefunction(inner)
        or inspect.isasyncgenfunction(inner)
        or AbstractAsyncContextManager.__name__ in str(inspect.signature(fn).return_annotation)
    )


def test_each_coroutine_says_what_cancellation_does() -> None:
    functions = public.callables()
    for cls in (supervision.Child, supervision.Supervisor):
        functions |= dict(public.methods(cls.__name__, cls))
    awaited = {name: fn for name, fn in functions.items() if can_be_cancelled(fn)}
    silent = [name for name, fn in awaited.items() if "Cancelled" not in (inspect.getdoc(fn) or "")]
    assert silent == []
    assert len(awaited) > 50


def test_each_function_that_refuses_arguments_says_so() -> None:
    refusing = {parameter.rpartition(".")[0] for parameter in REFUSED}
    assert [name for name in sorted(refusing) if not is_told_of(Invalid, name)] == []


def test_what_stands_in_a_function_to_be_raised_stands_in_its_docstring() -> None:
    untold = []
    functions = {name: fn for name, fn in public.callables().items() if not inspect.isclass(fn)}
    for name, fn in functions.items():
        tree = ast.parse(textwrap.dedent(inspect.getsource(inspect.unwrap(fn))))
        for node in ast.walk(tree):
            if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call):
                raised = ast.unparse(node.exc.func)
                if raised == "BaseException.with_traceback":
                    continue  # of an error that was raised elsewhere
                text = inspect.getdoc(fn) or ""
                if raised.rpartition(".")[2] not in text:
                    untold.append(f"{name}: {raised}")
    assert untold == []
