"""Addresses of what the service talks to: one reader per kind, used to check the configuration and to connect.

Pure: nothing is opened, resolved or read from disk. Every reader refuses what it does not understand by its name, so a
misspelt `tls` never means "no TLS", and no message shows more of an address than the name of a parameter.
"""
