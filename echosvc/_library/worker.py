"""A Python process that runs functions for another; a script, started by `workers.py`.

It reads calls from its stdin and writes results to its stdout, each with its length in front. What
the functions print goes to stderr. It ends when its stdin does, that is, with who started it.

Calls and results are pickled: both ends are the same program, of the same user.
"""

from __future__ import annotations

import contextlib
import os
import pickle
import struct
import sys
import traceback
import types
from collections.abc import Callable
from typing import Any, BinaryIO, Final

LENGTH: Final = struct.Struct("!Q")


def main() -> None:
    """Serve calls until nobody can make one any more."""
    calls, results = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    os.dup2(2, 1)
    first = _read(calls)
    if first is None:
        return
    sys.path[:] = pickle.loads(first)  # noqa: S301  # of who started this
    while (data := _read(calls)) is not None:
        try:
            results.write(_framed(_perform(data)))
            results.flush()
        except BrokenPipeError:  # nobody waits for it any more
            with contextlib.suppress(BrokenPipeError):
                results.close()
            return


def _read(stream: BinaryIO) -> bytes | None:
    head = stream.read(LENGTH.size)
    if len(head) < LENGTH.size:
        return None
    (length,) = LENGTH.unpack(head)
    data = stream.read(length)
    return data if len(data) == length else None


def _framed(data: bytes) -> bytes:
    return LENGTH.pack(len(data)) + data


def _perform(data: bytes) -> bytes:
    """Run one call; gives its outcome: what it returned, what it raised, and what is to be said."""
    try:
        path, module, method, args, context = pickle.loads(data)  # noqa: S301  # as above
        fn = _function(path, module, method)
        # Late: sys.path was not the starter's before.
        from echosvc._runtime.context import work_values

        work_values.set(context)
        value = fn(*args)
    except BaseException as exc:  # noqa: BLE001  # it is raised again, where the call was made
        return _failed(exc, "".join(traceback.format_exception(exc)))
    try:
        return pickle.dumps((value, None, ""))
    except Exception as exc:  # noqa: BLE001  # pickle raises what it likes
        from echosvc.errors import Invalid

        text = f"a {type(value).__name__} cannot leave the Python process that made it: {exc}"
        return _failed(Invalid(text), "")


def _failed(error: BaseException, text: str) -> bytes:
    try:
        data = pickle.dumps((None, error, text))
        pickle.loads(data)  # noqa: S301  # own; some exceptions are pickled, and never come out
    except Exception:  # noqa: BLE001  # pickle raises what it likes
        from echosvc.errors import Internal

        line = "".join(traceback.format_exception_only(error)).strip()
        return pickle.dumps((None, Internal(line), text))
    return data


def _function(path: str, name: str, method: str) -> Callable[..., Any]:
    module = sys.modules.get(name)
    if module is None:
        module = types.ModuleType(name)
        module.__file__ = path
        sys.modules[name] = module  # before it runs: pickle and dataclasses look there
        try:
            with open(path, "rb") as file:  # noqa: PTH123  # no import that is not needed
                code = compile(file.read(), path, "exec", dont_inherit=True)
            exec(code, module.__dict__)  # noqa: S102  # to run it is what was asked for
        except BaseException:
            del sys.modules[name]
            raise
    fn: Callable[..., Any] = getattr(module, method)
    return fn


if __name__ == "__main__":
    main()
