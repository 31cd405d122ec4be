"""Recovery codes: ten one-time passwords on paper, for who has lost the telephone; stored as hashes.

A code has 80 random bits, so that a fast hash is enough: nobody tries them all.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Sequence
from typing import Final

from idjag.idp.factors.enrolled import TABLE, rows
from idjag.idp.factors.proof import Proof, Wrong
from idjag.idp.facts import string
from idjag.ledger.entry import Delete, Facts, Insert, OneTime, Write
from idjag.protocol.errors import Reason

__all__ = ["CODES", "check", "left", "make", "once", "replace"]

CODES: Final = 10
# 32 characters, 5 bits each, and whoever reads o for 0, or i or l for 1, means those
_ALPHABET: Final = "0123456789abcdefghjkmnpqrstvwxyz"
_ALIKE: Final = str.maketrans("oil", "011")
_LENGTH: Final = 16
_GROUP: Final = 4
# Longer than any transaction that has read the row and not seen it go.
_REMEMBERED: Final = 3600


def make() -> tuple[str, ...]:
    """Ten new codes, to be shown once and stored by ``replace``."""
    return tuple(_new_code() for _ in range(CODES))


def once(person_id: str, code: str, *, now: int) -> tuple[OneTime, ...]:
    """What to name in ``consume_on_success`` beside ``check``; lost, the code was used a moment ago."""
    text = _plain(code)
    return (OneTime("recovery", person_id, _digest(person_id, text), now + _REMEMBERED),) if text else ()


def check(found: Facts, person_id: str, code: str) -> Proof | Wrong:
    """Whether the code is one of this person's; its writes take it away."""
    digest = _digest(person_id, _plain(code))
    for row in rows(found, person_id, "recovery"):
        if row["secret"] == digest:
            id_ = string(row, "id")
            return Proof("recovery", id_, (Delete(TABLE, {"id": id_}),))
    return Wrong(Reason.FACTOR_WRONG)


def left(found: Facts, person_id: str) -> int:
    """How many codes are good."""
    return len(rows(found, person_id, "recovery"))


def replace(
    person_id: str, codes: Sequence[str], *, tenant: str, ids: Sequence[str], now: int
) -> list[Write]:
    """The writes that make these codes the only good ones; ``ids`` are random, one for each."""
    inserts = [
        Insert(
            TABLE,
            {
                "id": id_,
                "tenant_id": tenant,
                "person_id": person_id,
                "kind": "recovery",
                "secret": _digest(person_id, _plain(code)),
                "sealed": None,
                "created": now,
                "label": "",
                "spec": "{}",
                "handle": None,
                "last_used": None,
            },
        )
        for id_, code in zip(ids, codes, strict=True)
    ]
    return [gone(person_id), *inserts]


def gone(person_id: str) -> Write:
    """The write that takes all codes away."""
    return Delete(TABLE, {"person_id": person_id, "kind": "recovery"})


def _new_code() -> str:
    characters = [_ALPHABET[octet & 31] for octet in os.urandom(_LENGTH)]
    return "-".join("".join(characters[at : at + _GROUP]) for at in range(0, _LENGTH, _GROUP))


def _plain(code: str) -> str:
    """The code as it is hashed; "" for what can be none."""
    text = re.sub(r"[\s\-]", "", code[:64]).lower().translate(_ALIKE)
    return text if len(text) == _LENGTH and set(text) <= set(_ALPHABET) else ""


def _digest(person_id: str, text: str) -> str:
    return hashlib.sha256(f"idjag recovery\0{person_id}\0{text}".encode()).hexdigest()
