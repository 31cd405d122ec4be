"""A site with a database, somebody who gets its notices, and a node that sends them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from idjag.trust.memory import MemoryFetcher
from idjag.trust.publications import Publications
from tests.idp.me.person import administer, policy
from tests.idp.signin.site import Host, Site, running
from tests.idp.webhook.receiver import Node, Receiver, receiving


@dataclass
class World:
    """All of it."""

    site: Site
    database: str
    receiver: Receiver
    node: Node

    def connection(self, **changes: Any) -> None:
        """What its one connection says."""
        said = policy()
        said["connections"][0] |= changes
        administer(self.site, said)

    def another(self) -> Node:
        """Another process on the same database."""
        return Node(self.site.services, self.database, self.receiver)

    def notes(self) -> list[str]:
        return [event["event"] for event in self.site.events() if event["event"].startswith("notice.")]


@pytest.fixture
def world(host: Host, tmp_path: Path) -> Iterator[World]:
    nothing = Publications(MemoryFetcher({}))
    path = tmp_path / "idjag.db"
    with running(host, database=path, publications=nothing) as site, receiving() as receiver:
        administer(site, policy())
        database = f"sqlite:///{path}"
        node = Node(site.services, database, receiver)
        yield World(site, database, receiver, node)
        node.close()
