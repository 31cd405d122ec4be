"""What a path of the console is: who may see it, who may change something there, and where it stands."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from idjag.idp.administration.roles import Permission
from idjag.idp.api.problem import Problem
from idjag.idp.audit_files import Leaving
from idjag.idp.console.fields import Wrong
from idjag.idp.console.visit import Desk, Visit
from idjag.protocol.http import Reply

__all__ = ["Answer", "Place", "kept"]

Answer: TypeAlias = Callable[[Desk, Visit], Reply | Leaving]


@dataclass(frozen=True, slots=True)
class Place:
    """What one path answers.

    ``needs`` is what it takes to see it, ``changing`` what it takes to send its form, by default the same.
    ``recent``: only shortly after a sign-in, for keys, secrets and roles.  ``under`` is the entry of the
    navigation that stands for it.
    """

    needs: Permission
    show: Answer | None = None
    change: Answer | None = None
    changing: Permission | None = None
    recent: bool = False
    under: str = ""

    def needed(self, method: str) -> Permission:
        """What it takes to ask for it by this method."""
        return self.changing if method == "POST" and self.changing else self.needs


def kept(change: Callable[[Desk, Visit], Reply], page: Callable[[Desk, Visit, Wrong], Reply]) -> Answer:
    """The change; where a Problem says which fields are wrong, the page again, which keeps what was typed."""

    def answer(desk: Desk, visit: Visit) -> Reply:
        try:
            return change(desk, visit)
        except Problem as problem:
            if not problem.errors:
                raise
            return page(desk, visit, Wrong(problem.detail, dict(problem.errors)))

    return answer
