"""MySQL and MariaDB: pools, statements from files, typed rows, transactions that replay, migrations.

Invariants: a connection with an unread answer is never reused; no driver exception leaves this package; a statement is
bounded in time; a write that has begun ends before the database closes.

When the store is away every call raises `StoreUnavailable` after at most three attempts; nothing is ever reported as
absent because it could not be read.
"""

from unkey_api.infra.mysql.database import Database, open_database
from unkey_api.infra.mysql.driver import tls_context
from unkey_api.infra.mysql.errors import BeginFailed, CommitFailed, DuplicateKey, RowMismatch, StoreUnavailable
from unkey_api.infra.mysql.execution import OrphanHook, log_orphan
from unkey_api.infra.mysql.ports import (
    AnyReads,
    ChangeListener,
    ExecResult,
    Mode,
    MysqlSettings,
    Operation,
    Params,
    ReadConn,
    ReadsOf,
    StatementObserver,
    Transaction,
    WriteConn,
)
from unkey_api.infra.mysql.replica_rule import ANY_WORKSPACE, ReplicaRule
from unkey_api.infra.mysql.rows import column_values
from unkey_api.infra.mysql.statement import Query, Statement, load_query, load_statement
from unkey_api.settings.addresses.mysql import Dsn, DsnError, TlsMode, parse_dsn

__all__ = [
    "ANY_WORKSPACE",
    "AnyReads",
    "BeginFailed",
    "ChangeListener",
    "CommitFailed",
    "Database",
    "Dsn",
    "DsnError",
    "DuplicateKey",
    "ExecResult",
    "Mode",
    "MysqlSettings",
    "Operation",
    "OrphanHook",
    "Params",
    "Query",
    "ReadConn",
    "ReadsOf",
    "ReplicaRule",
    "RowMismatch",
    "Statement",
    "StatementObserver",
    "StoreUnavailable",
    "TlsMode",
    "Transaction",
    "WriteConn",
    "column_values",
    "load_query",
    "load_statement",
    "log_orphan",
    "open_database",
    "parse_dsn",
    "tls_context",
]
