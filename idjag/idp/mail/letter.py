"""A letter, and what sends one."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

__all__ = ["Letter", "Mail", "MailFailed"]


class MailFailed(Exception):
    """The letter was not taken.  ``lasting``: it never will be, trying again changes nothing.

    The message is for the operator; it has neither address nor text of the letter.
    """

    def __init__(self, message: str, *, lasting: bool) -> None:
        super().__init__(message)
        self.lasting = lasting


@dataclass(frozen=True, slots=True)
class Letter:
    """One letter in plain text; what is in it is between us and the person."""

    to: str = field(repr=False)
    subject: str = field(repr=False)
    text: str = field(repr=False)


class Mail(Protocol):
    """Sends letters."""

    def send(self, to: str, subject: str, text: str) -> None:
        """Hand one letter over; may take seconds.  Raises MailFailed."""
        ...
