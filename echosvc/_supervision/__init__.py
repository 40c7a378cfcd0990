"""What `echosvc.supervision` is made of.

- spec.py: what a child is and how it is restarted, as plain data
- intensity.py: how many restarts are too many
- turns.py: who may start and stop children of a group, one at a time
- child.py: one child, what it was told, its state and its runs
- events.py: what happened, as plain data, in a channel that never fills up
- runs.py: how a run of a child begins and ends
- recovery.py: what follows from its end: who is restarted, when, and when it is too much
- outcome.py: how an order ended, for who waits for it
- supervisor.py: the supervisor itself, its orders and its own tasks
- groups.py: one exception out of the groups that nurseries wrap around it
"""
