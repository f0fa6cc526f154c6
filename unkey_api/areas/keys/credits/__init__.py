"""Credits of keys: how many uses are left, spent on every verification.

MySQL holds the truth (`keys.remaining_requests`, NULL for unlimited); Redis holds a working copy for a minute at a
time, so that a spend costs no write in front of the answer, and a tally of everything granted that outlives the copies.
What was granted is written to MySQL behind, up to a mark that moves together with the balance; a new copy is the
balance less what lies between mark and tally.

Invariants: a balance never goes below zero; NULL stays NULL; a denied spend takes nothing; what was granted is taken
off the balance once, whoever granted it and however often it is tried. Without Redis every spend is one guarded UPDATE
in MySQL; without MySQL only keys whose balance Redis knows can be spent.
"""
