"""The screen and the keyboard of a terminal host.

- open.py: what a terminal is made of, by what stdin, stdout and stderr are
- terminal.py: what a process sees (print, write, readline), and what a program that is about to be
  stopped needs: giving the terminal back, taking it again
- screen.py: who owns the last line of the screen; everything else goes above it
- live.py: spinners, bars and pictures below that
- output.py: writing that never waits for a reader, and ends for good
- lines/: where lines come from (an edited prompt, a plain stream)
- modes.py, history.py, ansi.py, render.py: the modes of the keyboard, an application's lines typed
  before, escape codes, rich renderables
- std.py: Python's own print and standard error, sent the same way
- fake.py: a terminal in memory, for tests

Nothing here handles a signal. What a program's handlers need are plain functions that wait for
nobody: `restore`, `give_back`, `take_again`.
"""
