"""The audit log: who changed what, written in the transaction of the change.

Entries go to the table `clickhouse_outbox`, from where another program moves them to ClickHouse. A change is never
committed without its entries: when they cannot be written, the caller's transaction fails.
"""
