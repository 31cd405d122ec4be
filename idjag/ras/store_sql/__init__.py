"""The RAS's own database (optional): one-time ids, links, accounts, keys, audit; SQLite or PostgreSQL."""

from __future__ import annotations

from idjag.ras.store_sql.opening import Database, is_made, open_database
from idjag.ras.store_sql.people import AccountsWrong, bring_in
from idjag.ras.store_sql.store import SqlStore

__all__ = ["AccountsWrong", "Database", "SqlStore", "bring_in", "is_made", "open_database"]
