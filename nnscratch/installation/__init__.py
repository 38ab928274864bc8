"""What is installed here, and on which machine: what a report of a bug needs.

facts.py      versions, machine, threads, BLAS, what the environment overrides, the kernels' cache
info.py       `python -m nnscratch info`, which prints them
commands.py   offers it
"""

from nnscratch.installation.facts import facts

__all__ = ["facts"]
