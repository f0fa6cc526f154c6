"""Cross-cutting work around calls: what every failure goes through, and who calls how often."""
