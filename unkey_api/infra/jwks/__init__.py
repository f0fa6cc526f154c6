"""Fetching the key sets of token issuers. The only place that speaks HTTP to them.

When an issuer is away a fetch fails within ten seconds; what was fetched before is the caller's to keep.
"""
