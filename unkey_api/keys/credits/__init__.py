"""Credits of keys: how many uses are left, spent on every verification.

MySQL holds the truth (`keys.remaining_requests`, NULL for unlimited); Redis holds a working copy for a minute at a
time, so that a spend costs no write in front of the answer. What was spent there is written to MySQL behind.

Invariants: a balance never goes below zero; NULL stays NULL; a denied spend takes nothing. Without Redis every spend is
one guarded UPDATE in MySQL; without MySQL only keys whose balance Redis knows can be spent.
"""
