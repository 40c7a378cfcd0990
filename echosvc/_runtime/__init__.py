"""The process model itself; what users call stands above it, in the public modules.

Values:
- pid.py: PIDs
- message.py: what arrives in an inbox or an events channel
- signals.py: everything else that one process does to another, as plain values
- snapshot.py: how values cross from one process to another without being shared

One process:
- mailbox.py: where messages and events wait
- process.py: a process's life, from its first step to its end
- attach.py: the life of one whose task was there before
- upgrade.py: going on as another program
- relations.py: monitors and links, and what they are told at the end
- coroutines.py: tasks inside a process
- calls.py: questions and their answers, and sending that waits for room
- exec.py: a process whose result somebody waits for
- spawner.py: one process starts another
- registry.py, options.py: what a process sees of names, and says about itself
- current.py: which process is running
- context.py: where its context values are found
- program.py: what a process runs: an `async def`, checked before it starts
- crash.py: how an end is told to people
- info.py: snapshots for a person who looks

All of them:
- names.py: names for PIDs
- host.py: a nursery that runs processes
- carrier.py: the tasks that they run in
- units.py, startup.py: one record for each thing that is started by its id, and its starts
- supervised.py, service.py, tree.py, services.py: what is kept running, on supervisors
- groups.py: process groups, and who watches them
- bus.py: news of what happens, for those who listen
- dead_letters.py: messages that nobody will receive
- terminal.py: what a terminal host lends to its process
- watch.py, watchdog.py: processes that won't end
- stopping.py: the order in which the whole stops
- routes.py: the one route by which everything reaches a process
- starting.py: how processes are started, on which host and in which context
- runtime.py: the whole
"""
