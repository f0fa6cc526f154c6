"""What several callers do to one thing at the same moment, for hundreds of rounds, on real stores."""
