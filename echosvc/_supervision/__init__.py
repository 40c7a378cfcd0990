"""What `echosvc.supervision` is made of.

- spec.py: what a child is and how it is restarted, as plain data
- intensity.py: how many restarts are too many
- child.py: one child, its state and its lives
- events.py: what happened, as plain data, in a channel that never fills up
- supervisor.py: starting, stopping, recovering
- groups.py: one exception out of the groups that nurseries wrap around it
"""
