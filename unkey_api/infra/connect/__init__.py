"""What every Connect client of ours shares: the token it shows and how its failures are read."""
