"""The SQL guard: a query and a policy in, the text to run or a refusal out. Pure, and at most some milliseconds.

    rewrite(query, policy, now=...) -> str

In this order: length and tokens (`lexing`), the tree (`grammar`), what it may be made of (`structure`), which tables it
means (`sources`), functions (`functions`), time ranges (`time_range`), and the text again (`printing`), which adds the
row filters and the limits. The order decides which of several faults a caller is told of.

Invariant: it fails closed. The text that runs is printed from the tree and never copied from the query, and printing
knows what it may print: a construct that nobody thought of is refused, not passed on.
"""
