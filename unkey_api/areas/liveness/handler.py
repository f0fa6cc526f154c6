"""Serves unkey.liveness.v2.LivenessService."""

from __future__ import annotations

from unkey_proto.unkey.liveness.v2 import liveness_pb as pb
from unkey_proto.unkey.liveness.v2.liveness_connect import LivenessService

from unkey_api.rpc.method import Context

MESSAGE = "we're cooking"


class LivenessHandler(LivenessService):
    """Says that the process serves requests. Touches no store."""

    async def liveness(self, request: pb.LivenessRequest, ctx: Context, /) -> pb.LivenessResponse:
        """Answer."""
        return pb.LivenessResponse(message=MESSAGE)
