"""The command line: one file a command.

The only room that knows typer, signals, exit codes and the configuration of logging. What a
command doesn't need is imported inside it, so that ``--help`` and Tab stay quick.
"""
