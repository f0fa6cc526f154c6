"""How fast the service is and where its time goes, measured on this machine against a bare server.

One worker is pinned to one core, the loader and the stores to the other, so that what is measured is what a core of the
service can do. Figures in one table come from one run: only those may be compared.
"""
