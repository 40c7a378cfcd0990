"""What `echosvc.channel` is made of.

- slices.py: how long a task may run without letting others run
- waiting.py: how a task parks on any number of channels, and is claimed by one
- racing.py: channels that are not ours, raced in a nursery
"""
