"""Tests of the listeners, on sockets of loopback."""
