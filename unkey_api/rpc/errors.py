"""The one table from error codes to what both surfaces send, and the exception that carries it.

A `Fault` is a `ConnectError`, so the Connect, gRPC and gRPC-Web runtimes render it by themselves; the HTTP/JSON surface
renders the same object as its error body. Over RPC a failure is bounded in size: gRPC carries it in trailers, of which
clients read 8 KiB by default and fail with RESOURCE_EXHAUSTED beyond, whatever the service said.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from connectrpc.code import Code
from connectrpc.errors import ConnectError, ErrorDetail
from unkey_proto.unkey.common.v1 import error_code_pb, error_detail_pb
from unkey_proto.unkey.options.v1 import options_pb

from unkey_api.core.errors import AppError, ErrorCode, Violation
from unkey_api.core.text import shorten

DOCS = "https://unkey.com/docs/errors/"
UNEXPECTED = "An unexpected error occurred while processing your request."
VIOLATIONS_TOLD = 10  # to HTTP/JSON; a caller mends these and asks again
PUBLIC_CHARS = 1_000  # of a sentence
VIOLATION_CHARS = 400  # of each text of a violation
RPC_MESSAGE_BYTES = 300  # of a sentence; `grpc-message` may need three characters for each of them
RPC_VIOLATIONS = 5
RPC_VIOLATION_BYTES = 120  # of each text of a violation

_BY_STATUS = {
    400: Code.INVALID_ARGUMENT,
    401: Code.UNAUTHENTICATED,
    403: Code.PERMISSION_DENIED,
    404: Code.NOT_FOUND,
    408: Code.DEADLINE_EXCEEDED,
    409: Code.ALREADY_EXISTS,
    410: Code.NOT_FOUND,
    412: Code.FAILED_PRECONDITION,
    413: Code.RESOURCE_EXHAUSTED,
    415: Code.UNIMPLEMENTED,
    422: Code.RESOURCE_EXHAUSTED,
    429: Code.RESOURCE_EXHAUSTED,
    499: Code.CANCELED,
    500: Code.INTERNAL,
    501: Code.UNIMPLEMENTED,
    503: Code.UNAVAILABLE,
}
_BY_CODE = {
    # A missing or malformed credential is a 400 over HTTP/JSON; RPC clients look for this code.
    ErrorCode.AUTHENTICATION_MISSING: Code.UNAUTHENTICATED,
    ErrorCode.AUTHENTICATION_MALFORMED: Code.UNAUTHENTICATED,
    ErrorCode.AUTHENTICATION_PORTAL_TOKEN_MISSING: Code.UNAUTHENTICATED,
    # Retrying helps, which `internal` does not tell an RPC client. HTTP/JSON keeps its 500.
    ErrorCode.APPLICATION_SERVICE_UNAVAILABLE: Code.UNAVAILABLE,
    ErrorCode.USER_UNPROCESSABLE_ENTITY_QUERY_EXECUTION_TIMEOUT: Code.DEADLINE_EXCEEDED,
}


@dataclass(frozen=True, slots=True)
class ErrorEntry:
    """How one error code looks on the wire."""

    code: ErrorCode
    number: error_code_pb.ErrorCode
    status: int
    title: str
    type: str
    connect_code: Code


def _build_table() -> dict[ErrorCode, ErrorEntry]:
    table = {}
    for value in error_code_pb.ErrorCode.desc().values:
        options = value.proto.options
        if options is None or options_pb.ext_error_code not in options:
            continue
        policy = options[options_pb.ext_error_code]
        code = ErrorCode(policy.urn)
        table[code] = ErrorEntry(
            code=code,
            number=error_code_pb.ErrorCode(value.number),
            status=policy.status,
            title=policy.title,
            type=DOCS + policy.urn.removeprefix("err:").replace(":", "/"),
            connect_code=_BY_CODE.get(code) or _BY_STATUS[policy.status],
        )
    return table


ERRORS = _build_table()
"""Every error code of the catalogue."""


class Fault(ConnectError):
    """A failure in the form in which it leaves the service."""

    def __init__(
        self,
        code: ErrorCode,
        public: str,
        *,
        request_id: str,
        internal: str = "",
        violations: tuple[Violation, ...] = (),
        connect_code: Code | None = None,
        plain_json: bool = False,
    ) -> None:
        self.entry = ERRORS[code]
        self.public = shorten(public, PUBLIC_CHARS)
        self.internal = internal
        self.violations = violations[:VIOLATIONS_TOLD]
        self.omitted = len(violations) - len(self.violations)
        """How many violations there are besides those that are told."""
        self.plain_json = plain_json
        """The HTTP/JSON body is `application/json` whatever the caller accepts."""
        self._request_id = request_id
        super().__init__(connect_code or self.entry.connect_code, cut(public, RPC_MESSAGE_BYTES))

    @property
    def details(self) -> Sequence[ErrorDetail]:
        """What RPC clients get besides code and sentence. Made when asked for: HTTP/JSON never does."""
        entry = self.entry
        detail = error_detail_pb.ErrorDetail(
            request_id=self._request_id,
            code=entry.number,
            urn=entry.code.value,
            status=entry.status,
            title=entry.title,
            type=entry.type,
            violations=[_short(violation) for violation in self.violations[:RPC_VIOLATIONS]],
            omitted_violations=max(0, len(self.violations) - RPC_VIOLATIONS) + self.omitted,
        )
        return [ErrorDetail(detail)]


def cut(text: str, size: int) -> str:
    """Return the text, or as much of its beginning as fits into so many bytes of UTF-8 with a mark of the cut."""
    if len(text) * 4 <= size:
        return text
    encoded = text.encode("utf-8", "replace")
    return text if len(encoded) <= size else encoded[: size - 3].decode("utf-8", "ignore") + "…"


def _short(violation: Violation) -> error_detail_pb.Violation:
    return error_detail_pb.Violation(
        location=cut(violation.location, RPC_VIOLATION_BYTES),
        message=cut(violation.message, RPC_VIOLATION_BYTES),
        fix=cut(violation.fix, RPC_VIOLATION_BYTES),
    )


@dataclass(frozen=True, slots=True)
class Failure:
    """What ended a request, for logs, rows and traces.

    A record rather than the exception: an exception holds the frames it went through, they hold the request, and the
    request with its body would stay in memory until the garbage collector looks for such circles.
    """

    entry: ErrorEntry | None
    """Its entry of the catalogue; None for what never became a fault, such as an answer that could not be written."""
    public: str
    """The sentence the caller got."""
    internal: str
    """The sentence for the operator, empty when there is none."""
    kind: str
    """Name of the exception's class."""


def failure_of(error: BaseException) -> Failure:
    """Return the record of an exception."""
    kind = type(error).__name__
    if isinstance(error, Fault):
        return Failure(error.entry, error.public, error.internal, kind)
    return Failure(None, "", f"{kind}: {error}", kind)


def forget_ways(error: BaseException | None) -> None:
    """Let go of the frames that an exception, and those that led to it, went through. It can still be told by its text.

    For exceptions that somebody else keeps in a variable: with its frames such a one would keep itself.
    """
    while error is not None:
        error.__traceback__ = None
        cause, context = error.__cause__, error.__context__
        error.__cause__ = error.__context__ = None
        forget_ways(context if context is not cause else None)
        error = cause


def fault_of(error: AppError, request_id: str) -> Fault:
    """Translate an expected failure."""
    return Fault(
        error.code,
        error.public,
        request_id=request_id,
        internal=error.internal or str(error),
        violations=error.violations,
    )


def unexpected_fault(request_id: str, internal: str) -> Fault:
    """Return what a caller sees of a bug: one fixed sentence."""
    return Fault(
        ErrorCode.APPLICATION_UNEXPECTED_ERROR, UNEXPECTED, request_id=request_id, internal=internal, plain_json=True
    )
