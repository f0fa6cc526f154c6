"""What is published: the services of both surfaces, whether or not every operation of them is built.

The one list of them. Serving, blanking secrets and documentation all start here, so a service cannot be served without
its secrets being known.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from connectrpc.server import ConnectASGIApplication
from protobuf import DescService
from unkey_proto.unkey.analytics.v2 import analytics_connect
from unkey_proto.unkey.apis.v2 import apis_connect
from unkey_proto.unkey.identities.v2 import identities_connect
from unkey_proto.unkey.keys.v2 import keys_connect
from unkey_proto.unkey.liveness.v2 import liveness_connect
from unkey_proto.unkey.permissions.v2 import permissions_connect
from unkey_proto.unkey.ratelimit.v2 import ratelimit_connect
from unkey_proto.unkey.rootkeys.v2 import rootkeys_connect

from unkey_api.app import Service
from unkey_api.rpc.method import MethodSpec, describe


class Published(NamedTuple):
    """One service: its generated Protocol and the generated application that serves an implementation of it."""

    protocol: Any  # a class with a static `desc()`; the generator gives them no common type
    application: Callable[..., ConnectASGIApplication[Any]]  # the messages differ per service


PUBLISHED = (
    Published(liveness_connect.LivenessService, liveness_connect.LivenessServiceASGIApplication),
    Published(apis_connect.ApisService, apis_connect.ApisServiceASGIApplication),
    Published(keys_connect.KeysService, keys_connect.KeysServiceASGIApplication),
    Published(ratelimit_connect.RatelimitService, ratelimit_connect.RatelimitServiceASGIApplication),
    Published(identities_connect.IdentitiesService, identities_connect.IdentitiesServiceASGIApplication),
    Published(permissions_connect.PermissionsService, permissions_connect.PermissionsServiceASGIApplication),
    Published(rootkeys_connect.RootKeysService, rootkeys_connect.RootKeysServiceASGIApplication),
    Published(analytics_connect.AnalyticsService, analytics_connect.AnalyticsServiceASGIApplication),
)


def published_services() -> tuple[DescService, ...]:
    """Return the descriptors of all services."""
    return tuple(each.protocol.desc() for each in PUBLISHED)


def published_methods() -> list[MethodSpec]:
    """Return the methods of all services."""
    return [method for service in published_services() for method in describe(service)]


def serve_published(handlers: Mapping[object, object]) -> tuple[Service, ...]:
    """Return every published service with its handler, which `handlers` has under the service's Protocol.

    Raises:
        LookupError: A published service has no handler, or a handler's service is not published.
    """
    unknown = handlers.keys() - {each.protocol for each in PUBLISHED}
    if unknown:
        raise LookupError(f"not published: {unknown}")
    return tuple(Service(each.protocol.desc(), each.application, handlers[each.protocol]) for each in PUBLISHED)
