"""A Python process that runs functions for another; a script, started by `workers.py`.

It reads calls from its stdin and writes answers to its stdout, each with its number and its length
in front; an answer has the number of its call. What the functions print goes to stderr.

It ends with who started it, whatever it is doing then. What a function raises is its answer, and so
is `sys.exit()`: nobody there asked for an end. A child that a function forks is not this process
any more, and answers nothing.

Calls and answers are pickled: both ends are the same program, of the same user.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import pickle
import struct
import sys
import threading
import traceback
import types
from collections.abc import Callable
from typing import Any, BinaryIO, Final, NoReturn

HEAD: Final = struct.Struct("!QQ")
"""The number of a call or an answer, and the length of what follows."""


def main() -> None:
    """Serve calls until nobody can make one any more."""
    alive = int(sys.argv[1])
    _end_with_starter(alive)
    calls, answers = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    os.dup2(2, 1)

    # Or else who started this waits for an answer as long as a child lives.
    os.register_at_fork(after_in_child=lambda: _let_go(calls.fileno(), answers.fileno(), alive))
    first = _read(calls)
    if first is None:
        return
    sys.path[:] = pickle.loads(first[1])  # noqa: S301  # of who started this
    while (call := _read(calls)) is not None:
        number, data = call
        answer = _perform(data)
        try:
            answers.write(HEAD.pack(number, len(answer)) + answer)
            answers.flush()
        except BrokenPipeError:  # nobody waits for it any more
            with contextlib.suppress(BrokenPipeError):
                answers.close()
            return


def _end_with_starter(alive: int) -> None:
    """Let this process end when the other end of a pipe is closed, on which nothing is written."""

    def watch() -> None:
        os.read(alive, 1)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
    if sys.platform == "linux":
        # A thread is not heard while a regular expression, say, keeps the GIL. So the kernel is
        # asked to send a SIGIO then, which ends a process that has not said what to do about it.
        fcntl.fcntl(alive, fcntl.F_SETOWN, os.getpid())
        fcntl.fcntl(alive, fcntl.F_SETFL, fcntl.fcntl(alive, fcntl.F_GETFL) | os.O_ASYNC)


def _let_go(*fds: int) -> None:
    """Let descriptors lead nowhere. They are not closed, so that no other file gets the number."""
    nothing = os.open(os.devnull, os.O_RDWR)
    for fd in fds:
        os.dup2(nothing, fd, inheritable=False)
    os.close(nothing)


def _read(stream: BinaryIO) -> tuple[int, bytes] | None:
    head = stream.read(HEAD.size)
    if len(head) < HEAD.size:
        return None
    number, length = HEAD.unpack(head)
    data = stream.read(length)
    return (number, data) if len(data) == length else None


def _perform(data: bytes) -> bytes:
    """Run one call; gives its outcome: what it returned, what it raised, and what is to be said."""
    own = os.getpid()
    try:
        path, module, method, args, context = pickle.loads(data)  # noqa: S301  # as above
        fn = _function(path, module, method)
        # Late: sys.path was not the starter's before.
        from echosvc._runtime.context import work_values

        work_values.set(context)
        value = fn(*args)
    except BaseException as exc:  # noqa: BLE001  # it is raised again, where the call was made
        if os.getpid() != own:
            _end_fork(exc)
        return _failed(exc, "".join(traceback.format_exception(exc)))
    if os.getpid() != own:
        _end_fork(None)
    try:
        return pickle.dumps((value, None, ""))
    except Exception as exc:  # noqa: BLE001  # pickle raises what it likes
        from echosvc.errors import Invalid

        text = f"a {type(value).__name__} cannot leave the Python process that made it: {exc}"
        return _failed(Invalid(text), "")


def _end_fork(error: BaseException | None) -> NoReturn:
    """End a child that came back out of the function which forked it: its parent answers."""
    code = 1
    if isinstance(error, SystemExit) and isinstance(error.code, int | None):
        code = error.code or 0
    elif isinstance(error, SystemExit):
        print(error.code, file=sys.stderr)  # noqa: T201  # as Python does
    elif error is not None:
        traceback.print_exception(error)
    else:
        text = "a child that was forked in a function has returned from it, and is ended"
        print(f"{text} (process {os.getpid()})", file=sys.stderr)  # noqa: T201  # its only way
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code & 0xFF)


def _failed(error: BaseException, text: str) -> bytes:
    # What would end the program, `sys.exit()` or Ctrl-C, would end the caller's: it is none of
    # that, but what became of this call.
    if isinstance(error, Exception):
        with contextlib.suppress(Exception):  # pickle raises what it likes
            data = pickle.dumps((None, error, text))
            pickle.loads(data)  # noqa: S301  # own; some exceptions are pickled, and never come out
            return data
    from echosvc.errors import Internal

    line = "".join(traceback.format_exception_only(error)).strip()
    return pickle.dumps((None, Internal(line), text))


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
