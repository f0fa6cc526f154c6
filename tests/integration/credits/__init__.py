"""Credits over several processes and real stores."""
