"""How much of the code the tests would notice missing.

    python -m tools.mutation trace                       # which test runs which line; minutes
    python -m tools.mutation run --sample 500 --seed 1   # plant faults one at a time, run the tests that cover them

A fault is planted in a copy of the tree: an operator of Python replaced, a number changed, a statement left out, a
condition of an SQL statement left out. It is killed when a test fails, and survives when all that cover it pass. The
operators are those of Cosmic Ray; leaving out statements and SQL conditions is added here, since nothing else does it.
"""
