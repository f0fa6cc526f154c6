"""How much of the code the tests would notice missing.

    python -m tools.mutation trace                       # which test runs which line; minutes
    python -m tools.mutation run --sample 500 --seed 1   # plant faults one at a time, run the tests that cover them
    python -m tools.mutation run --minutes 5             # stop after that long; the next run goes on
    python -m tools.mutation trace --changed             # after tests were added,
    python -m tools.mutation run --again                 # see which survivors they kill
    python -m tools.mutation show                        # what survived, and why if that is known

A fault is planted in a copy of the tree: an operator of Python replaced, a number changed, a statement left out, a
condition of an SQL statement left out. It is killed when a test fails that passes without it, and survives when all
that cover it pass. Outcomes are kept in build/mutation by seed, so that a run may be stopped whenever it suits. The
operators are those of Cosmic Ray; leaving out statements and SQL conditions is added here, since nothing else does it.
"""
