"""Why an administrator was not made, changed or stopped, in the words of the API and of the console."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from idjag.idp.administration import appointments
from idjag.idp.api.problem import Problem

__all__ = ["appointed"]


R = TypeVar("R")


def appointed(act: Callable[[], R]) -> R:
    """Do it; raises Problem 403, 409, 412, 422 with what was said."""
    try:
        return act()
    except appointments.Denied as denied:
        raise Problem(403, f"Nothing was changed: {denied}.") from None
    except appointments.NoSuch as no:
        raise Problem(422, f"Nothing was changed: {no}.") from None
    except appointments.Stale as stale:
        raise Problem(412, f"Nothing was changed: {stale}.") from None
    except appointments.LastOwner as last:
        raise Problem(409, f"Nothing was changed: {last}.") from None
