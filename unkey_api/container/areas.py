"""The areas that are published. Whatever has to know all of them starts from this one list.

Serving, blanking secrets in stored rows, the pages on permissions and on what is not built, and the tests that go
through every operation: an area that is listed here is in all of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from protobuf import DescService

from unkey_api.app import Service
from unkey_api.areas.analytics.wiring import AREA as ANALYTICS
from unkey_api.areas.apis.wiring import AREA as APIS
from unkey_api.areas.identities.wiring import AREA as IDENTITIES
from unkey_api.areas.keys.wiring import AREA as KEYS
from unkey_api.areas.liveness.wiring import AREA as LIVENESS
from unkey_api.areas.permissions.wiring import AREA as PERMISSIONS
from unkey_api.areas.ratelimit.wiring import AREA as RATELIMIT
from unkey_api.areas.rootkeys.wiring import AREA as ROOT_KEYS
from unkey_api.areas.shared import Area, Shared
from unkey_api.core.needs import Operations
from unkey_api.rpc.method import MethodSpec, describe

AREAS: Sequence[Area[Any]] = (  # Any: each has a handler of its own
    LIVENESS,
    APIS,
    KEYS,
    ROOT_KEYS,
    IDENTITIES,
    PERMISSIONS,
    RATELIMIT,
    ANALYTICS,
)
REQUIREMENTS: Operations = {operation: needs for area in AREAS for operation, needs in area.needs.items()}
"""What each operation needs, by its name such as `keys.verifyKey`. Those that take no credential are not in it."""


def published_services() -> tuple[DescService, ...]:
    """Return the descriptors of all services."""
    return tuple(area.protocol.desc() for area in AREAS)


def published_methods() -> list[MethodSpec]:
    """Return the methods of all services, whether or not they are built."""
    return [method for service in published_services() for method in describe(service)]


def built(shared: Shared, areas: Sequence[Area[Any]] = AREAS) -> tuple[Service, ...]:
    """Build the handlers of areas, and return what serves them."""
    return tuple(Service(area.protocol.desc(), area.application, area.build(shared)) for area in areas)
