"""Hostile clients beside a victim, and what the victim notices of them.

`registry` holds every attack; `heads`, `bodies` and `http2` define them. `attacker` runs them in a process of its own,
`victim` sends ordinary requests meanwhile, and `run` judges. `python -m tests.attack` (or `make attack`) prints the
table of docs/operations.md; a short form is a test.
"""
