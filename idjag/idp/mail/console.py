"""Mail to the terminal of whoever tries idjag out: never used unless the issuer is on this machine."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TextIO

__all__ = ["ConsoleMail"]


@dataclass(frozen=True, slots=True)
class ConsoleMail:
    """Prints letters, so that a link can be tried without a mail server."""

    out: TextIO

    def send(self, to: str, subject: str, text: str) -> None:
        """Print one letter."""
        shown = "\n".join(f"  {line}" for line in text.splitlines())
        print(f"idjag: a letter to {to!a}: {subject}\n{shown}", file=self.out, flush=True)
