"""What `echosvc.channel` is made of.

- run.py: who is ready in a run of trio, and how long all may go on without letting others run
- alarm.py: being woken at a time
- waiting.py: how a task parks on any number of channels, and is claimed by one
- seats.py: how processes hand over to each other without trio's scheduler; trio's private names
- core.py: the channel, and its case for sending
- native.py: select over our own channels: park once on all of them
- racing.py: select over what is not ours: race it in a nursery
- select.py: what select accepts and promises
"""
