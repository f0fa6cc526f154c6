"""Programs that call a served process with clients that are not ours. They read JSON, act, and print JSON."""
