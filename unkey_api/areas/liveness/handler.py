"""Serves unkey.liveness.v2.LivenessService."""

from __future__ import annotations

from connectrpc.request import RequestContext
from unkey_proto.unkey.liveness.v2 import liveness_pb as pb
from unkey_proto.unkey.liveness.v2.liveness_connect import LivenessService

MESSAGE = "we're cooking"


class LivenessHandler(LivenessService):
    """Says that the process serves requests. Touches no store."""

    async def liveness(
        self, request: pb.LivenessRequest, ctx: RequestContext[pb.LivenessRequest, pb.LivenessResponse], /
    ) -> pb.LivenessResponse:
        """Answer."""
        return pb.LivenessResponse(message=MESSAGE)
