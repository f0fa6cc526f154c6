"""What keeps a failing dependency from becoming our failure: breaker, single flight, background work.

Nothing here does I/O of its own. All state belongs to one event loop and needs no locks. Time comes from the injected
clock, so every rule can be tested without waiting.
"""
