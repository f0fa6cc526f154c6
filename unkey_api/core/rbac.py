"""What a caller must be allowed to do, and whether it is.

A requirement is a small tree built by the helpers below and judged against the permission strings of a principal:

    require(
        principal.permissions,
        any_of(
            tuple_("api", "*", "read_api"),
            tuple_("api", api_id, "read_api"),
            urn(workspace_id, f"keyspaces/{keyspace_id}", "read_keyspace"),
        ),
    )

Tuples are compared as text, so the `*` form must be asked for beside the specific one; URNs know wildcards, see
`core.urn`. What was granted literally is found by a set lookup; grants are parsed only when that fails, once per
permission set.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import lru_cache
from itertools import product
from typing import TypeAlias, TypeVar

from unkey_api.core.error_code import ErrorCode
from unkey_api.core.errors import AppError, Unexpected
from unkey_api.core.urn import UrnGrants, urn_text

T = TypeVar("T")


class InsufficientPermissions(AppError):
    """The caller lacks a permission. The sentence names what is missing, never what the caller has."""

    code = ErrorCode.AUTHORIZATION_INSUFFICIENT_PERMISSIONS


@dataclass(frozen=True, slots=True)
class Literal:
    """Holds when exactly this text was granted. `*` is an ordinary character."""

    text: str


@dataclass(frozen=True, slots=True)
class Urn:
    """Holds when this URN was granted literally or is covered by a granted URN with wildcards."""

    workspace_id: str
    path: str
    action: str

    @property
    def text(self) -> str:
        """The requirement as a permission string."""
        return urn_text(self.workspace_id, self.path, self.action)


@dataclass(frozen=True, slots=True)
class AllOf:
    """Holds when every child holds."""

    children: tuple[Requirement, ...]


@dataclass(frozen=True, slots=True)
class AnyOf:
    """Holds when at least one child holds; with no children it never does."""

    children: tuple[Requirement, ...]


@dataclass(frozen=True, slots=True)
class Widened:
    """Holds when `stated` or one of the others holds. A denial speaks of `stated` alone: clients match its words."""

    stated: Requirement
    others: tuple[Requirement, ...]


Requirement: TypeAlias = Literal | Urn | AllOf | AnyOf | Widened


def tuple_(resource_type: str, resource_id: str, action: str) -> Literal:
    """Ask for `<type>.<id>.<action>`; pass `*` as the id to ask for the form that names every resource."""
    return Literal(f"{resource_type}.{resource_id}.{action}")


def literal(permission: str) -> Literal:
    """Ask for one permission by its exact text."""
    return Literal(permission)


def urn(workspace_id: str, path: str, action: str) -> Urn:
    """Ask for an action on a resource path such as `keyspaces/ks_1/keys/key_1`."""
    return Urn(workspace_id, path, action)


def all_of(*children: Requirement) -> AllOf:
    """Ask for every child. At least one is needed: judging an empty conjunction fails instead of allowing."""
    return AllOf(children)


def any_of(*children: Requirement) -> AnyOf:
    """Ask for at least one child."""
    return AnyOf(children)


def or_else(stated: Requirement, *others: Requirement) -> Widened:
    """Ask for `stated`, and be content with one of `others`, which a denial does not name."""
    return Widened(stated, others)


def alternatives(requirement: Requirement) -> list[tuple[str, ...]]:
    """Return every least set of permissions that satisfies the requirement, in its order, for people to read."""
    match requirement:
        case Literal() | Urn():
            return [(requirement.text,)]
        case AnyOf(children):
            found = [each for child in children for each in alternatives(child)]
        case Widened(stated, others):
            found = [each for child in (stated, *others) for each in alternatives(child)]
        case AllOf(children):
            combined = product(*(alternatives(child) for child in children))
            found = [tuple(dict.fromkeys(text for part in parts for text in part)) for parts in combined]
    return list(dict.fromkeys(found))


def is_allowed(permissions: frozenset[str], requirement: Requirement) -> bool:
    """Say whether the permissions satisfy the requirement.

    Raises:
        Unexpected: The tree holds an empty `all_of` or something that is not a requirement.
    """
    if isinstance(requirement, Literal):
        return requirement.text in permissions
    if isinstance(requirement, AnyOf):
        for child in requirement.children:  # noqa: SIM110 - every request comes by; a generator costs as much again
            if is_allowed(permissions, child):
                return True
        return False
    match requirement:
        case Urn(workspace_id, path, action):
            return requirement.text in permissions or _urn_grants(permissions).cover(workspace_id, path, action)
        case Widened(stated, others):
            return is_allowed(permissions, stated) or any(is_allowed(permissions, other) for other in others)
        case AllOf():
            return all(is_allowed(permissions, child) for child in _conjuncts(requirement))
        case _:
            raise _broken(requirement)


def require(
    permissions: frozenset[str],
    requirement: Requirement,
    *,
    hide_as: Callable[[], AppError] | None = None,
) -> None:
    """Return when the permissions satisfy the requirement, raise otherwise.

    Args:
        permissions: What the principal was granted.
        requirement: What the operation needs.
        hide_as: Makes the error to raise in place of the denial, so that a caller who may not see a resource gets the
            same answer as for one that does not exist. Only a denial is replaced.

    Raises:
        InsufficientPermissions: Denied and `hide_as` is None.
        Unexpected: The tree holds an empty `all_of` or something that is not a requirement.
    """
    if is_allowed(permissions, requirement):
        return
    text = _denial_text(permissions, requirement)
    denial = InsufficientPermissions(text, internal=f"{text}: insufficient permissions")
    if hide_as is None:
        raise denial
    hiding = hide_as()
    hiding.internal = hiding.internal or denial.internal  # the caller must not learn it, the operator should
    raise hiding from denial


async def require_unseen(
    permissions: frozenset[str],
    find: Callable[[], Awaitable[T | None]],
    needs: Callable[[T | None], Requirement],
) -> T | None:
    """Find something for a caller who may not learn whether it exists before it was found to be allowed.

    A caller who may act on all resources of the kind is told the truth. One who may act on some, which a URN names by
    what only the row knows, is denied in the same words whether the resource is absent or another one. Nothing is read
    for a caller without any URN.

    Args:
        permissions: What the principal was granted.
        find: Reads the resource; None when there is none.
        needs: What the operation needs on the resource; given None, on all of them.

    Raises:
        InsufficientPermissions: Denied, in the words of `needs(None)`.
    """
    general = needs(None)
    if is_allowed(permissions, general):
        return await find()
    found = await find() if _urn_grants(permissions) else None
    if found is None or not is_allowed(permissions, needs(found)):
        require(permissions, general)
    return found


async def require_found(
    permissions: frozenset[str],
    find: Callable[[], Awaitable[T | None]],
    needs: Callable[[T | None], Requirement],
    absent: Callable[[], AppError],
) -> T:
    """Do as `require_unseen` does, and return what was found.

    Raises:
        InsufficientPermissions: Denied, in the words of `needs(None)`.
        AppError: What `absent` makes, for a caller who may know that there is none.
    """
    found = await require_unseen(permissions, find, needs)
    if found is None:
        raise absent()
    return found


def reach(permissions: frozenset[str], resources: Urn) -> frozenset[tuple[str, ...]]:
    """Say on which resources an action is granted by URN, so that a listing can ask the store for those alone.

    Args:
        permissions: What the principal was granted.
        resources: The action, on a path that has `*` where ids stand.

    Returns:
        The ids each grant names, in the order of the path; `*` where it names all.
    """
    return _urn_grants(permissions).places(resources.workspace_id, resources.path, resources.action)


def hide_denial(error: AppError, not_found: AppError) -> AppError:
    """Return `not_found` when `error` is a denial, else `error` unchanged."""
    return not_found if error.code is InsufficientPermissions.code else error


# Principals are cached between requests, so the same few sets come back; a frozenset remembers its own hash.
@lru_cache(maxsize=1024)
def _urn_grants(permissions: frozenset[str]) -> UrnGrants:
    return UrnGrants(permissions)


def _denial_text(permissions: frozenset[str], requirement: Requirement) -> str:
    match requirement:
        case Literal() | Urn():
            return f"Missing permission: '{requirement.text}'"
        case AnyOf():
            return f"Missing one of these permissions: {_rendered(requirement)}"
        case Widened(stated):
            return _denial_text(permissions, stated)
        case AllOf():
            missing = next(child for child in requirement.children if not is_allowed(permissions, child))
            return _denial_text(permissions, missing)


def _rendered(requirement: Requirement) -> str:
    match requirement:
        case Literal() | Urn():
            return requirement.text
        case AnyOf():
            return " or ".join(map(_rendered, requirement.children))
        case Widened(stated):
            return _rendered(stated)
        case AllOf():
            return " and ".join(map(_rendered, requirement.children))


def _conjuncts(requirement: AllOf) -> tuple[Requirement, ...]:
    if not requirement.children:
        raise _broken(requirement)
    return requirement.children


def _broken(requirement: object) -> Unexpected:
    return Unexpected(
        "The permissions of this operation could not be evaluated.",
        internal=f"not a permission requirement: {requirement!r}",
    )
