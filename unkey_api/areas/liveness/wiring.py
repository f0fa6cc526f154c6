"""Puts the area together."""

from __future__ import annotations

from unkey_proto.unkey.liveness.v2.liveness_connect import LivenessService, LivenessServiceASGIApplication

from unkey_api.areas.liveness.handler import LivenessHandler
from unkey_api.areas.shared import Area

AREA = Area(LivenessService, LivenessServiceASGIApplication, LivenessHandler, lambda _: LivenessHandler())
