"""What is noted about every request once it is over: a log line, metrics, an analytics row."""
