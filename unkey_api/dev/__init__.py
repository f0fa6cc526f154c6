"""The embedded stack: real stores and a vault as private child processes, so that one command gives a working service.

Everything lives in one data folder and listens on the loopback interface only. Children die with us, whatever happens
to us; what they stored survives and is found again on the next start. Nothing else in the service imports this package.
"""
