"""Back-channel logout by several nodes: each try is made by one, and none is lost with it."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from idjag.idp.facts import integer, string
from idjag.idp.snapshot import Snapshot
from idjag.ledger.entry import Entry, Facts, OneTime, Verdict
from idjag.trust.fetch import Fetched, FetchFailed
from idjag.trust.memory import MemoryFetcher
from tests.idp.oidc_plans.relying_party import HEARD, RelyingParty, registered
from tests.idp.signin.seeds import NOW, TENANT, update
from tests.idp.signin.site import Site
from tests.idp.signin.visit import Browser
from tests.idp.telling import Node, events, sign_out


class Dies(MemoryFetcher):
    """A process that ends while it sends."""

    def post(self, *_url_and_form: object, max_bytes: int, **_good: object) -> Fetched:
        raise SystemExit(max_bytes)


@pytest.fixture
def rp(site: Site, browser: Browser) -> RelyingParty:
    return registered(site, browser)


@pytest.fixture
def node(site: Site) -> Node:
    return Node(site)


def test_several_nodes_tell_once(rp: RelyingParty, site: Site) -> None:
    """OIDC-21: of many that look at the same moment, one has each try."""
    nodes = [Node(site) for _ in range(4)]
    for _ in range(3):
        rp.tokens(prompt="login")
        sign_out(rp)
    with ThreadPoolExecutor(4) as threads:
        list(threads.map(lambda node: node.run(), nodes))
    assert sum(len(node.fetcher.sent) for node in nodes) == 3
    assert events(site).count("logout.delivered") == 3


def test_a_try_that_another_node_has_is_not_made(rp: RelyingParty, node: Node, site: Site) -> None:
    """OIDC-21: also where the other one's change cannot be seen yet: two transactions at the same moment."""
    node.fetcher.documents[HEARD] = FetchFailed("down")
    rp.tokens()
    sign_out(rp)
    node.run()
    [row] = site.rows("logout_notice")
    site.clock.now = integer(row, "due")
    claimed = OneTime("logout_notice", "", f"{string(row, 'id')} 1 {site.clock.now}", NOW + 86400)

    def decide(_snapshot: Snapshot, _found: Facts) -> Verdict[None]:
        return Verdict(None, ())

    entry = Entry(TENANT, "another node", site.clock.now, decide, consume_on_success=(claimed,))
    site.ledger.commit(entry)
    node.run()
    assert len(node.fetcher.sent) == 1
    site.clock.now += 60
    node.run()
    assert len(node.fetcher.sent) == 2


def test_a_notice_that_was_put_off_meanwhile_waits(rp: RelyingParty, site: Site) -> None:
    """OIDC-21: what was seen to be due is looked at again before it is sent."""

    class Meddling(MemoryFetcher):
        def post(
            self, url: str, form: bytes, *, max_bytes: int, good: tuple[int, ...] = (200, 204)
        ) -> Fetched:
            for row in site.rows("logout_notice"):
                site.write(update("logout_notice", str(row["id"]), due=NOW + 500))
            return super().post(url, form, max_bytes=max_bytes, good=good)

    for _ in range(2):
        rp.tokens(prompt="login")
        sign_out(rp)
    node = Node(site, Meddling({HEARD: b""}))
    node.run()
    assert len(node.fetcher.sent) == 1
    site.clock.now += 500
    node.run()
    assert len(node.fetcher.sent) == 2


def test_a_node_that_died_in_a_try_leaves_it_to_others(rp: RelyingParty, node: Node, site: Site) -> None:
    """A claim is for a minute: told twice is better than never."""
    rp.tokens()
    sign_out(rp)
    with pytest.raises(SystemExit):
        Node(site, Dies({})).run()
    node.run()
    assert node.fetcher.sent == []
    site.clock.now += 60
    node.run()
    assert len(node.fetcher.sent) == 1
