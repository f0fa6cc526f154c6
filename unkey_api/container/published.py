"""What is published: the services of both surfaces, whether or not every operation of them is built."""

from __future__ import annotations

from protobuf import DescService
from unkey_proto.unkey.apis.v2.apis_connect import ApisService
from unkey_proto.unkey.identities.v2.identities_connect import IdentitiesService
from unkey_proto.unkey.keys.v2.keys_connect import KeysService
from unkey_proto.unkey.liveness.v2.liveness_connect import LivenessService
from unkey_proto.unkey.permissions.v2.permissions_connect import PermissionsService
from unkey_proto.unkey.ratelimit.v2.ratelimit_connect import RatelimitService
from unkey_proto.unkey.rootkeys.v2.rootkeys_connect import RootKeysService

from unkey_api.rpc.method import MethodSpec, describe


def published_services() -> tuple[DescService, ...]:
    """Return the descriptors of all services."""
    protocols = (
        LivenessService,
        ApisService,
        KeysService,
        RatelimitService,
        IdentitiesService,
        PermissionsService,
        RootKeysService,
    )
    return tuple(protocol.desc() for protocol in protocols)


def published_methods() -> list[MethodSpec]:
    """Return the methods of all services."""
    return [method for service in published_services() for method in describe(service)]
