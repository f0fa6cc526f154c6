"""How exactly a limit holds over several processes that share a Redis.

Real processes run the real limiter on a real server. In driven cases the time is simulated and one request is under way
at a time, each at a process drawn at random; requests then follow each other up to a thousand times faster than their
own times say. With `--unpaced` they follow each other as fast as processes can answer, which is faster than news
travels: the bounds are not meant for that, and small limits break them. In free cases all processes ask at the same
time by the clock of the machine.
"""
