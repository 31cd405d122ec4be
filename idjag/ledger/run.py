"""How a batch is carried out: attempts, what is tried again, and who pays for a transaction that failed."""

from __future__ import annotations

import secrets
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from idjag.ledger.batch import Failed, Outcome, Prepared, Run, prepared, wanted
from idjag.ledger.counts import Counted, Tally, tallied
from idjag.ledger.entry import Entry, Head, Row, Unavailable, Write
from idjag.ledger.events import chained, ready_event
from idjag.ledger.failure import failed, log_failure
from idjag.ledger.policy_log import changed_rows, log_of
from idjag.ledger.snapshots import Load, Snapshots
from idjag.ledger.transaction import (
    Broken,
    CaughtUp,
    Changes,
    Claim,
    HeadMoved,
    Store,
    Transaction,
    Undone,
    Wanted,
)

__all__ = ["Law", "Load", "Snapshots", "check_chain_key", "log_failure", "ready_event", "try_to_write"]

_ATTEMPTS = 2
_LOADS = 8
_KEY_OCTETS = 32
_TRIAL_OCTETS = 4096


def check_chain_key(key: bytes) -> bytes:
    """The key of the audit chain, which must be 32 octets or more; raises ValueError."""
    if len(key) < _KEY_OCTETS:
        raise ValueError(f"chain_key must be {_KEY_OCTETS} octets or more, got {len(key)}")
    return key


@dataclass(frozen=True, slots=True)
class Law:
    """What does not change from batch to batch."""

    snapshots: Snapshots[Any]
    chain_key: bytes
    counting: bool = True

    def settle(self, entries: Sequence[Entry[Any, Any]], store: Store) -> Iterator[Outcome]:
        """The outcomes in the order of the entries, each as soon as it is durable.

        Raises Broken: then the outcome of all further entries is unknown.
        """
        waiting = deque([list(entries)])
        while waiting:
            group = waiting.popleft()
            outcomes = self._settled(group, store)
            if outcomes is None:
                # Somebody in there is not fit for the database. Halves find out who, at the price of a few
                # transactions, while a savepoint around every entry would be paid by every batch.
                middle = len(group) // 2
                waiting.extendleft([group[middle:], group[:middle]])
                continue
            yield from outcomes
            if rest := group[len(outcomes) :]:
                waiting.appendleft(rest)

    def _settled(self, group: Sequence[Entry[Any, Any]], store: Store) -> list[Outcome] | None:
        """The outcomes of the first entries, one at least; None when the group must be divided."""
        try:
            ready = [prepared(entry) for entry in group]
            return self._attempts(ready, store)
        except Broken:
            raise
        except Unavailable as error:
            if len({entry.tenant for entry in group}) > 1:
                return None  # it may be the trouble of one tenant
            log_failure("a batch failed", error)
            return [Failed(error)] * len(group)
        except Exception as error:  # noqa: BLE001  # whatever it is, it is the fault of one of these
            return None if len(group) > 1 else [Failed(failed(error))]

    def _attempts(self, group: Sequence[Prepared], store: Store) -> list[Outcome]:
        attempt = loads = 0
        while attempt < _ATTEMPTS and loads < _LOADS:
            transaction = _begin(store)
            try:
                return self._attempt(group, transaction, locking=attempt > 0)
            except CaughtUp:
                loads += 1
            except HeadMoved:
                attempt += 1
                _rollback(transaction)
            except Broken:
                raise
            except BaseException:
                _rollback(transaction)
                raise
        raise Unavailable("the policy moved twice while this was decided")

    def _attempt(
        self, group: Sequence[Prepared], transaction: Transaction, *, locking: bool
    ) -> list[Outcome]:
        """Everything, in the order of architecture section 4: heads, facts, decisions, heads, commit."""
        asked = wanted(group)
        found = transaction.read(asked, locking=locking)
        snapshots = {
            tenant: self.snapshots.at(tenant, head, transaction.steady)
            for tenant, head in found.heads.items()
        }
        run = Run(found, snapshots)
        run.go(group)
        if not run.effective:
            _rollback(transaction)
            return run.outcomes
        now = transaction.lock(sorted(run.events), strict=bool(run.writes))
        if any(_policy(now[tenant]) != _policy(found.heads[tenant]) for tenant in run.events):
            raise HeadMoved
        transaction.write(self._changes(run, asked, now))
        _commit(transaction)
        return run.outcomes

    def _changes(self, run: Run, asked: Wanted, now: Mapping[str, Head]) -> Changes:
        rows: list[Row] = []
        logged: list[Write] = []
        heads: dict[str, tuple[Head, Head]] = {}
        counts: dict[str, dict[Counted, Tally]] = {}
        for tenant in sorted(run.events):
            moved = tenant in run.policy_changed
            added, after = chained(run.events[tenant], now[tenant], policy_changed=moved, key=self.chain_key)
            rows += added
            heads[tenant] = now[tenant], after
            if added and self.counting:
                counts[tenant] = tallied((each.name, each.time, each.fields) for each in run.events[tenant])
            if moved:
                changed = changed_rows(run.policy_changed[tenant], self.snapshots.tables)
                logged += log_of(tenant, after.policy_seq, changed)
        stored = [claim for claim in asked.claims if claim.id in run.found.stored]
        return Changes(
            released=[claim.id for claim in stored if claim.id not in run.won],
            passed_on=[run.won[claim.id] for claim in stored if run.won.get(claim.id, claim) != claim],
            writes=[*run.writes, *logged],
            rows=rows,
            heads=heads,
            counts=counts,
        )


def try_to_write(store: Store) -> None:
    """Make something durable that leaves nothing behind; raises what keeps an entry from it.

    As large as an entry: on a full disk there is often room for less.
    """
    claim = Claim(secrets.token_hex(32), "", "trial", secrets.token_hex(_TRIAL_OCTETS), 0)
    transaction = _begin(store)
    try:
        transaction.read(Wanted((), [claim], ()), locking=False)
        transaction.write(Changes(released=[claim.id], passed_on=(), writes=(), rows=(), heads={}))
        _commit(transaction)
    except Broken:
        raise
    except BaseException:
        _rollback(transaction)
        raise


def _policy(head: Head) -> tuple[str, int]:
    return head.epoch, head.policy_seq


def _begin(store: Store) -> Transaction:
    try:
        return store.begin()
    except Exception as error:
        raise Broken("the database did not begin a transaction") from error


def _rollback(transaction: Transaction) -> None:
    try:
        transaction.rollback()
    except Exception as error:
        raise Broken("the database did not roll back") from error


def _commit(transaction: Transaction) -> None:
    try:
        transaction.commit()
    except (HeadMoved, Undone, Unavailable):
        raise
    except Exception as error:
        # It may be durable and it may not. Deciding again could give away what was given already.
        raise Broken("the outcome of the commit is unknown") from error
