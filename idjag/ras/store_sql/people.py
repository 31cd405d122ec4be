"""Brings the accounts of the database to what the file says; those that people made by signing in stay."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from idjag.ledger.entry import Delete, Entry, Event, Facts, Key, Ledger, Row, Update, Upsert, Verdict, Write
from idjag.ras.model import Account, Link
from idjag.ras.store_sql import name_ids
from idjag.ras.store_sql.tables import TENANT, account_of, account_row, link_key, link_of, link_row

__all__ = ["AccountsWrong", "bring_in"]

_ACCOUNTS = Key("account", "source", "file")
_LINKS = Key("account_link", "source", "file")


class AccountsWrong(Exception):
    """The file and what people have done since do not go together; the message names the account."""


@dataclass(frozen=True, slots=True)
class _Wanted:
    accounts: Sequence[Account]
    links: Mapping[Link, str]
    now: int
    applied: Event | None


def bring_in(
    ledger: Ledger[None],
    accounts: Sequence[Account],
    links: Mapping[Link, str],
    *,
    now: int,
    decision_id: str,
    applied: Event | None = None,
) -> None:
    """Add, change and disable in one entry; a second time it changes nothing.

    An account that left the file is disabled, never deleted: its links keep others from taking its place.
    ``applied`` is recorded with it, whether or not anything changed.
    Raises AccountsWrong, Unavailable.
    """
    wanted = _Wanted(accounts, links, now, applied)
    entry: Entry[None, str | None] = Entry(
        tenant=TENANT,
        holder=decision_id,
        now=now,
        reads=(_ACCOUNTS, _LINKS, *map(link_key, links), *(key for key, _ in _addresses(accounts))),
        decide=lambda _, facts: _decide(wanted, facts),
        lost=lambda _: Verdict("lost", events=(), succeeded=False),
    )
    problem = ledger.commit(entry)
    if problem is not None:
        raise AccountsWrong(problem)


def _decide(wanted: _Wanted, facts: Facts) -> Verdict[str | None]:
    problem = next(_problems(wanted, facts), None)
    if problem is not None:
        return Verdict(problem, events=(), succeeded=False)
    people, people_events = _people(wanted, facts(_ACCOUNTS))
    events = people_events if wanted.applied is None else [wanted.applied, *people_events]
    return Verdict(None, events=events, writes=(*people, *_links(wanted, facts)), succeeded=True)


def _problems(wanted: _Wanted, facts: Facts) -> Iterator[str]:
    for link, account_id in wanted.links.items():
        for row in facts(link_key(link)):
            if row["account_id"] != account_id and row["source"] != "file":
                yield (
                    f"accounts: {account_id} is to have sub {link.sub!r} of {link.issuer}, "
                    f"which is linked to {row['account_id']!r} already"
                )
    for key, account in _addresses(wanted.accounts):
        for row in facts(key):
            if (row["tenant"], row["source"]) == (account.tenant, "jit") and row["id"] != account.id:
                # two accounts of one address are nobody: strategies that disagree refuse
                yield f"accounts: {account.id} has the address of {row['id']!r}, who signed in by themselves"


def _addresses(accounts: Sequence[Account]) -> list[tuple[Key, Account]]:
    """Where whoever has the address of an account is; one address may be there in several tenants."""
    return [(Key("account", "email", each.email.lower()), each) for each in accounts if each.email]


def _people(wanted: _Wanted, rows: Sequence[Row]) -> tuple[list[Write], list[Event]]:
    before = {str(row["id"]): account_of(row) for row in rows}
    writes: list[Write] = []
    events: list[Event] = []
    for account in wanted.accounts:
        row = account_row(account, source="file", now=wanted.now)
        if before.get(account.id) != _as_stored(account):
            writes.append(Upsert("account", row))
            had = before[account.id].sub_ids if account.id in before else ()
            writes += name_ids.writes(account, had)
            events.append(_event("user.updated" if account.id in before else "user.created", account.id))
    kept = {account.id for account in wanted.accounts}
    for gone in before.values():
        if gone.id not in kept and gone.active:
            writes.append(Update("account", {"id": gone.id}, {"active": 0}))
            events.append(_event("user.paused", gone.id))
    return writes, events


def _links(wanted: _Wanted, facts: Facts) -> list[Write]:
    before = {link_of(row): str(row["account_id"]) for row in facts(_LINKS)}
    writes: list[Write] = [
        Upsert("account_link", link_row(link, account_id, source="file", now=wanted.now))
        for link, account_id in wanted.links.items()
        if before.get(link) != account_id
    ]
    # the links of whoever left the file stay, or signing in would make them a new account
    here = {account.id for account in wanted.accounts}
    gone = [link for link, owner in before.items() if link not in wanted.links and owner in here]
    return [*(Delete("account_link", {"id": link_key(link).value}) for link in gone), *writes]


def _as_stored(account: Account) -> Account:
    return replace(account, email=account.email.lower() if account.email else None)


def _event(name: str, account_id: str) -> Event:
    return Event(name, {"actor": {"kind": "operator", "id": "ras.yaml"}, "subject": account_id})
