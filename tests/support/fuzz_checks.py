"""Checks for schemathesis, loaded by it through SCHEMATHESIS_HOOKS."""

from __future__ import annotations

from typing import Any

from schemathesis import Case, CheckContext, Response, check
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import status_code_conformance

UNDESCRIBED = {
    # Real refusals for which the published contract lists no status.
    ("POST /v2/analytics.getVerifications", 412),
    ("POST /v2/apis.listKeys", 412),
    ("POST /v2/keys.createKey", 412),
    ("POST /v2/keys.rerollKey", 412),
    ("POST /v2/rootKeys.rerollKey", 412),
    ("POST /v2/permissions.deleteRole", 404),
}
NOT_BUILT = 501


@check
def described_status(ctx: CheckContext, response: Response, case: Case[Any]) -> bool | None:
    """The document lists the status."""
    if response.status_code == NOT_BUILT or (case.operation.label, response.status_code) in UNDESCRIBED:
        return None
    return status_code_conformance(ctx, response, case)


@check
def no_failure_of_ours(ctx: CheckContext, response: Response, case: Case[Any]) -> bool | None:
    """No request makes the service fail; an operation that is published and not built yet says 501."""
    return None if response.status_code == NOT_BUILT else not_a_server_error(ctx, response, case)
