"""Problem details (RFC 9457): the one form in which the admin API says no."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

from litestar import Response

__all__ = ["Problem", "response"]


@dataclass(eq=False)
class Problem(Exception):
    """A refusal.  ``detail`` says what to change; ``errors`` are places and what is wrong there.

    ``paths`` are the keys and indexes of those places, where they are known.
    """

    status: int
    detail: str
    errors: Sequence[tuple[str, str]] = ()
    headers: dict[str, str] = field(default_factory=dict)
    paths: Sequence[tuple[str | int, ...]] = ()


def response(problem: Problem, *, reference: str) -> Response[dict[str, Any]]:
    """The answer; ``reference`` is what the log knows."""
    body: dict[str, Any] = {
        "title": HTTPStatus(problem.status).phrase,
        "status": problem.status,
        "detail": problem.detail,
        "decision_id": reference,
    }
    if problem.errors:
        body["errors"] = [{"at": at, "message": message} for at, message in problem.errors]
    return Response(
        body,
        status_code=problem.status,
        media_type="application/problem+json",
        headers={"Cache-Control": "no-store", **problem.headers},
    )
