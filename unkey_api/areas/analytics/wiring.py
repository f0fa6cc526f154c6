"""Puts the area together."""

from __future__ import annotations

from unkey_proto.unkey.analytics.v2.analytics_connect import AnalyticsService, AnalyticsServiceASGIApplication

from unkey_api.areas.analytics.handler import AnalyticsHandler
from unkey_api.areas.analytics.requirements import OPERATIONS
from unkey_api.areas.analytics.service.ask import GATEWAY, LOGS, RATELIMIT_DECISIONS, Ask, verifications
from unkey_api.areas.shared import Area, Shared


def _build(shared: Shared) -> AnalyticsHandler:
    return AnalyticsHandler(
        ask=Ask(shared.connections, clock=shared.parts.clock),
        verifications=verifications(shared.apis),
        ratelimits=RATELIMIT_DECISIONS,
        gateway_requests=GATEWAY,
        runtime_logs=LOGS,
    )


AREA = Area(AnalyticsService, AnalyticsServiceASGIApplication, AnalyticsHandler, _build, OPERATIONS)
