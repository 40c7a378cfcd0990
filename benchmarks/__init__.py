"""What echosvc costs, beside the same work written by hand: `make bench`.

- measure.py: running the sides of a row in turns, and what is made of the numbers
- messages.py, channels.py, processes.py: the rows of the budget, each written for every side
- actors.py: the same for the actor libraries that happen to be installed
- memory.py, startup.py: what is measured from outside, in a Python of its own
- budget.py: all rows, with what each has to hold and what we are after
- load.py: throughput, latency and memory against the number of processes
- growth.py: how costs grow
- report.py, plots.py: the table, the JSON file and the plots
- regression.py: the comparison with baseline.json
- document.py: the numbers in docs/performance.md
"""
