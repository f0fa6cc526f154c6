"""Limits over several processes and real stores."""
