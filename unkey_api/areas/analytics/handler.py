"""Serves unkey.analytics.v2.AnalyticsService."""

from __future__ import annotations

from typing import TypeVar

from unkey_proto.unkey.analytics.v2 import analytics_pb as pb
from unkey_proto.unkey.analytics.v2.analytics_connect import AnalyticsService

from unkey_api.areas.analytics import convert
from unkey_api.areas.analytics.service.ask import Ask, Subject
from unkey_api.rpc.exchange import KeptAnswer, answer_with, current_caller, current_exchange
from unkey_api.rpc.method import Context

Answer = TypeVar(
    "Answer",
    pb.GetVerificationsResponse,
    pb.GetRatelimitsResponse,
    pb.GetGatewayRequestsResponse,
    pb.GetRuntimeLogsResponse,
)


class AnalyticsHandler(AnalyticsService):
    """Translates, calls one use case, translates back."""

    def __init__(
        self, *, ask: Ask, verifications: Subject, ratelimits: Subject, gateway_requests: Subject, runtime_logs: Subject
    ) -> None:
        self._ask = ask
        self._verifications = verifications
        self._ratelimits = ratelimits
        self._gateway_requests = gateway_requests
        self._runtime_logs = runtime_logs

    async def get_verifications(
        self, request: pb.GetVerificationsRequest, ctx: Context, /
    ) -> pb.GetVerificationsResponse:
        """Ask key verifications."""
        return await self._answer(self._verifications, request.query, pb.GetVerificationsResponse())

    async def get_ratelimits(self, request: pb.GetRatelimitsRequest, ctx: Context, /) -> pb.GetRatelimitsResponse:
        """Ask rate-limit decisions."""
        return await self._answer(self._ratelimits, request.query, pb.GetRatelimitsResponse())

    async def get_gateway_requests(
        self, request: pb.GetGatewayRequestsRequest, ctx: Context, /
    ) -> pb.GetGatewayRequestsResponse:
        """Ask gateway requests."""
        return await self._answer(self._gateway_requests, request.query, pb.GetGatewayRequestsResponse())

    async def get_runtime_logs(self, request: pb.GetRuntimeLogsRequest, ctx: Context, /) -> pb.GetRuntimeLogsResponse:
        """Ask runtime logs."""
        return await self._answer(self._runtime_logs, request.query, pb.GetRuntimeLogsResponse())

    async def _answer(self, subject: Subject, query: str, answer: Answer) -> Answer:
        """Fill an answer. HTTP/JSON takes the rows as they are: doubles would lose digits of whole numbers."""
        exchange = current_exchange()
        rows = await self._ask(current_caller().principal, subject, query, big_as_text=not exchange.http_json)
        if not exchange.http_json:
            answer.rows.extend(convert.structs(rows))
            return answer
        kept = KeptAnswer(answer)
        kept.json = rows.as_json()
        return answer_with(kept)
