"""The process model itself; what users call stands above it, in the public modules.

Values:
- pid.py: PIDs
- message.py: what arrives in an inbox or an events channel
- signals.py: everything else that one process does to another, as plain values
- snapshot.py: how values cross from one process to another without being shared

One process:
- mailbox.py: where messages and events wait
- process.py: a process's life, from its first step to its end
- relations.py: what the others are told when it ends
- coroutines.py: tasks inside a process
- calls.py: questions and their answers
- current.py: which process is running
- program.py: what a process runs: an `async def`, checked before it starts
- info.py: snapshots for a person who looks

All of them:
- names.py: names for PIDs
- host.py: a nursery that runs processes
- services.py: processes that are kept running
- bus.py: news of what happens, for those who listen
- terminal.py: what a terminal host lends to its process
- watch.py: processes that won't end
- runtime.py: the whole, and the one route by which everything reaches a process
"""
