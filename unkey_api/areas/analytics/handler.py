"""Serves unkey.analytics.v2.AnalyticsService."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

from connectrpc.request import RequestContext
from unkey_proto.unkey.analytics.v2 import analytics_pb as pb
from unkey_proto.unkey.analytics.v2.analytics_connect import AnalyticsService

from unkey_api.areas.analytics import convert
from unkey_api.areas.analytics.service.ask import Ask, Subject
from unkey_api.rpc.exchange import KeptAnswer, answer_with, current_caller, current_exchange

Answer = TypeVar(
    "Answer",
    pb.GetVerificationsResponse,
    pb.GetRatelimitsResponse,
    pb.GetGatewayRequestsResponse,
    pb.GetRuntimeLogsResponse,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class AnalyticsUseCases:
    """What the handler calls."""

    ask: Ask
    verifications: Subject
    ratelimits: Subject
    gateway_requests: Subject
    runtime_logs: Subject


class AnalyticsHandler(AnalyticsService):
    """Translates, calls one use case, translates back."""

    def __init__(self, use_cases: AnalyticsUseCases) -> None:
        self._use_cases = use_cases

    async def get_verifications(
        self,
        request: pb.GetVerificationsRequest,
        ctx: RequestContext[pb.GetVerificationsRequest, pb.GetVerificationsResponse],
        /,
    ) -> pb.GetVerificationsResponse:
        """Ask key verifications."""
        return await self._answer(self._use_cases.verifications, request.query, pb.GetVerificationsResponse())

    async def get_ratelimits(
        self,
        request: pb.GetRatelimitsRequest,
        ctx: RequestContext[pb.GetRatelimitsRequest, pb.GetRatelimitsResponse],
        /,
    ) -> pb.GetRatelimitsResponse:
        """Ask rate-limit decisions."""
        return await self._answer(self._use_cases.ratelimits, request.query, pb.GetRatelimitsResponse())

    async def get_gateway_requests(
        self,
        request: pb.GetGatewayRequestsRequest,
        ctx: RequestContext[pb.GetGatewayRequestsRequest, pb.GetGatewayRequestsResponse],
        /,
    ) -> pb.GetGatewayRequestsResponse:
        """Ask gateway requests."""
        return await self._answer(self._use_cases.gateway_requests, request.query, pb.GetGatewayRequestsResponse())

    async def get_runtime_logs(
        self,
        request: pb.GetRuntimeLogsRequest,
        ctx: RequestContext[pb.GetRuntimeLogsRequest, pb.GetRuntimeLogsResponse],
        /,
    ) -> pb.GetRuntimeLogsResponse:
        """Ask runtime logs."""
        return await self._answer(self._use_cases.runtime_logs, request.query, pb.GetRuntimeLogsResponse())

    async def _answer(self, subject: Subject, query: str, answer: Answer) -> Answer:
        """Fill an answer. HTTP/JSON takes the rows as they are: doubles would lose digits of whole numbers."""
        exchange = current_exchange()
        rows = await self._use_cases.ask(current_caller().principal, subject, query, big_as_text=not exchange.http_json)
        if not exchange.http_json:
            answer.rows.extend(convert.structs(rows))
            return answer
        kept = KeptAnswer(answer)
        kept.json = rows.as_json()
        return answer_with(kept)
