"""The tables this service writes or reads, and the views that fill the rollups. One statement per file."""
