"""Between protobuf and the types of this package."""

from __future__ import annotations

from unkey_proto.unkey.apis.v2 import apis_pb as pb

from unkey_api.apis.types import LiveApi


def from_api(api: LiveApi) -> pb.GetApiResponse:
    """Return the answer that shows an API."""
    return pb.GetApiResponse(api=pb.Api(id=api.id, name=api.name))
