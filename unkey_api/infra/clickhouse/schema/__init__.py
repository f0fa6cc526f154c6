"""The tables this service writes or reads, and the views that fill them; the rollups are in rollups.py."""
