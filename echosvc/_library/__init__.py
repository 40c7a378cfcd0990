"""What stands behind the libraries that need entries: funcs, store, env and registry.

- entries.py: the entries of the running system, as they are now
- functions.py: a function's entry, found and made ready to run
- calls.py: one call of a function, in a process of its own
- future.py: what a call will have given
- workers.py, worker.py: Python processes that run functions, and what runs in them
- stores.py, sqlite.py: keys and values, in memory and in a file
- plain.py: what can be written down and read again
- versions.py: the registry of a running system as a process sees it
"""
