"""Erlang's process model for Python, on trio."""

from echosvc._version import __version__

__all__ = ["__version__"]
