"""Tests of the code generators, and of what they rely on in proto/."""
