"""Tests of the test support that is more than a few lines."""
