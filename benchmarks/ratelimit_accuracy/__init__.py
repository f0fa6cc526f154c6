"""How exactly a limit holds over several processes that share a Redis.

Real processes run the real limiter on a real server. In driven cases the time is simulated and one request is under way
at a time, each at a process drawn at random; requests then follow each other thousands of times faster than their own
times say, so that what travels behind the answers is under way for many more requests than it ever would be. In free
cases all processes ask at the same time by the clock of the machine.
"""
