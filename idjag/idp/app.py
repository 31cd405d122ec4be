"""The only wiring of the IdP: settings in, a running application out.

Protocol endpoints go to the bare door, everything else to the pages.
"""

from __future__ import annotations

import gc
import os
import sys
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Final, TypeAlias

from idjag.asgi import ASGIApp, Door, below, guarded, later, router
from idjag.idp.cors import ForSinglePageApps
from idjag.idp.discovery import Discovery, path_of
from idjag.idp.endpoint import ClientEndpoint, Operation
from idjag.idp.grants.authorization_code import AuthorizationCode
from idjag.idp.grants.refresh_token import RefreshToken
from idjag.idp.grants.subject_tokens import SubjectTokens
from idjag.idp.grants.token_exchange import TokenExchange
from idjag.idp.hosts import host_check
from idjag.idp.introspection import Introspection
from idjag.idp.keys import ensure_keys
from idjag.idp.logout.delivery import Delivery
from idjag.idp.mail import Outbox
from idjag.idp.mail.console import ConsoleMail
from idjag.idp.mail.smtp import MailServer, SmtpMail
from idjag.idp.passwords.lists import ListRefused, PasswordList
from idjag.idp.pushed_requests import PushedRequests
from idjag.idp.receipts import Receipts
from idjag.idp.revocation import Revocation
from idjag.idp.services import Services
from idjag.idp.settings import Settings, SettingsWrong
from idjag.idp.signin.passwords import Passwords
from idjag.idp.snapshot import Loader
from idjag.idp.store import schema
from idjag.idp.store.dead import dead
from idjag.idp.store.kek import open_sealer
from idjag.idp.store.ledgers import DurableLedger, ledger_of
from idjag.idp.store.listing import Listing
from idjag.idp.store.tenant import ensure_tenant
from idjag.idp.strangers import Strangers, turned_away
from idjag.idp.subjects import Origins
from idjag.idp.targets import Targets
from idjag.idp.throttle import Throttle
from idjag.idp.token import Grant, Token
from idjag.idp.upkeep import upkeep
from idjag.idp.userinfo import UserInfo
from idjag.idp.verifications import Verifications
from idjag.idp.webhook.running import noticing
from idjag.ledger.recurring import Recurring
from idjag.protocol import metadata, names
from idjag.protocol.http import Reply, TokenRequest
from idjag.random_id import random_id
from idjag.seal import Sealer
from idjag.trust.fetch import PinnedFetcher
from idjag.trust.publications import Publications

if TYPE_CHECKING:
    from idjag.idp.api.office import Lookups

__all__ = ["Store", "assemble", "new_id", "open_store", "serving", "system_clock", "token_grants"]

_TELLING_EVERY: Final = 2.0  # seconds

Answer: TypeAlias = Callable[[TokenRequest], Awaitable[Reply]]


def system_clock() -> int:
    """Now as NumericDate."""
    return int(time.time())


def new_id() -> str:
    """128 random bits in base64url: ids, jti values, subs, decision ids."""
    return random_id()


@dataclass(frozen=True, slots=True)
class Store:
    """The open database of one deployment: what a command on the host works with."""

    ledger: DurableLedger
    tenant: str
    issuer: str
    clock: Callable[[], int]
    new_id: Callable[[], str]
    sealer: Sealer = field(repr=False)
    chain_key: bytes = field(repr=False)

    @property
    def verifications(self) -> Verifications:
        """What is known of the audit log's verification."""
        return Verifications(self.ledger, self.tenant, self.chain_key, self.clock, self.new_id)


@contextmanager
def open_store(
    settings: Settings,
    *,
    clock: Callable[[], int] = system_clock,
    new_id: Callable[[], str] = new_id,
    forget: Callable[[str], None] = lambda _client_id: None,
) -> Iterator[Store]:
    """Open (make, upgrade) the database, check the KEK, start the writer.

    ``forget`` is told which app has changed that publishes what it needs to authenticate.
    Raises SettingsWrong, SchemaRefused, KekRefused, SealBroken, Unavailable.
    """
    url = settings.database_url
    schema.upgrade(url)
    sealer, chain_key = open_sealer(settings, now=clock())
    ledger = ledger_of(url, load=Loader(sealer, forget), chain_key=chain_key)
    with ledger:
        tenant = ensure_tenant(ledger, settings, now=clock(), new_id=new_id)
        ensure_keys(ledger, sealer, tenant=tenant, now=clock(), new_kid=new_id)
        yield Store(ledger, tenant, settings.issuer, clock, new_id, sealer, chain_key)


@contextmanager
def serving(
    settings: Settings,
    *,
    clock: Callable[[], int] = system_clock,
    new_id: Callable[[], str] = new_id,
) -> Iterator[ASGIApp]:
    """The application over an open store, for a server that runs inside the ``with``.

    Raises what ``open_store`` raises.
    """
    fetcher = fetcher_of(settings)
    publications = Publications(fetcher, loopback=settings.loopback)
    with ExitStack() as stack:
        store = stack.enter_context(
            open_store(settings, clock=clock, new_id=new_id, forget=publications.forget)
        )
        stack.enter_context(upkeep(settings, store))
        stack.enter_context(telling(settings, store))
        base = settings.issuer.removesuffix("/")
        services = Services(
            issuer=settings.issuer,
            base=base,
            tenant=store.tenant,
            ledger=store.ledger,
            clock=clock,
            new_id=new_id,
            passwords=Passwords(parallel=os.cpu_count() or 1),
            ready=lambda: store.ledger.ready,
            nonce_key=store.chain_key if settings.dpop_nonce == "required" else None,
            publications=publications,
            fetcher=fetcher,
            mail=stack.enter_context(outbox) if (outbox := outbox_of(settings, clock)) else None,
            reports_to=settings.mail_reports,
            password_list=password_list_of(settings),
            sealer=store.sealer,
            logo=logo_of(settings),
            certificate_headers=settings.certificate_headers,
            mtls_base=settings.mtls_url and settings.mtls_url.removesuffix("/"),
            webhook=settings.webhook.place,
            verifications=store.verifications,
        )
        proxies = [str(network) for network in settings.trusted_proxies]
        listing = stack.enter_context(closing(Listing(settings.database_url, store.tenant)))
        due = partial(dead, settings.database_url)
        stack.enter_context(noticing(settings, store, listing, fetcher, due=due))
        yield assemble(services, lookups=listing, trusted_proxies=proxies)


def fetcher_of(settings: Settings) -> PinnedFetcher:
    """The one way out, as the operator allows it; raises SettingsWrong."""
    try:
        return PinnedFetcher(settings.outbound, settings.ca_file, proxy=settings.outbound_proxy)
    except ValueError as wrong:
        raise SettingsWrong(str(wrong)) from None


def logo_of(settings: Settings) -> bytes | None:
    """The operator's logo for the pages; raises SettingsWrong."""
    if settings.logo is None:
        return None
    from idjag.idp.signin.pages import logo_kind

    try:
        logo = settings.logo.read_bytes()
        logo_kind(logo)
    except OSError as error:
        raise SettingsWrong(f"IDJAG_LOGO cannot be read: {error.strerror}") from None
    except ValueError as wrong:
        raise SettingsWrong(f"IDJAG_LOGO {wrong}") from None
    return logo


def telling(settings: Settings, store: Store) -> Recurring:
    """What tells apps that sessions have ended, while the ``with`` lasts; raises SettingsWrong."""
    delivery = Delivery(
        ledger=store.ledger,
        tenant=store.tenant,
        issuer=store.issuer,
        poster=fetcher_of(settings),
        due=partial(dead, settings.database_url),
        clock=store.clock,
        new_id=store.new_id,
    )
    return Recurring("logout", delivery.run, seconds=_TELLING_EVERY)


def outbox_of(settings: Settings, clock: Callable[[], int]) -> Outbox | None:
    """Where letters go: the mail server, the terminal of who tries it out, or none; raises SettingsWrong."""
    given = settings.mail
    if given.server is None or given.sender is None:
        return Outbox(ConsoleMail(sys.stderr)) if settings.loopback else None
    try:
        password = given.secret()
    except ValueError as wrong:
        raise SettingsWrong(str(wrong)) from None
    place = given.server
    server = MailServer(
        place.host, place.port, place.encryption, given.sender, given.user, password, settings.ca_file
    )
    return Outbox(SmtpMail(server, clock))


def password_list_of(settings: Settings) -> PasswordList | None:
    """The operator's own list of known passwords; raises SettingsWrong."""
    if settings.password_list is None:
        return None
    try:
        return PasswordList.open(settings.password_list)
    except ListRefused as refused:
        raise SettingsWrong(f"IDJAG_PASSWORD_LIST: {refused}") from None


def subjects_of(services: Services) -> SubjectTokens:
    """What reads subject tokens, wherever they are presented."""
    return SubjectTokens(services.issuer, services.ledger, Origins(services.ledger))


def token_grants(services: Services) -> dict[str, Grant]:
    """What the token endpoint can be asked for: what metadata says under ``grant_types_supported``."""
    issuer, ledger, new_id = services.issuer, services.ledger, services.new_id
    subjects = subjects_of(services)
    return {
        names.AUTHORIZATION_CODE: AuthorizationCode(issuer, ledger, new_id),
        names.REFRESH_TOKEN: RefreshToken(issuer, ledger, new_id),
        names.TOKEN_EXCHANGE: TokenExchange(issuer, subjects, new_id),
    }


def assemble(
    services: Services, *, lookups: Lookups | None = None, trusted_proxies: Sequence[str] = ()
) -> ASGIApp:
    """The routes: one table, in the order in which a client meets them.

    Without ``lookups`` there is neither admin API nor console.
    """
    strangers, known_host = Strangers(), host_check(services.issuer)
    discovery = Discovery(services)
    throttle = Throttle()

    def endpoint(operation: Operation, *, uri: str | None = None) -> ClientEndpoint:
        return ClientEndpoint(services, operation, uri=uri, strangers=strangers, throttle=throttle)

    token = endpoint(Token(token_grants(services)), uri=services.base + "/token")
    revocation = endpoint(Revocation(services.ledger))
    pushed = PushedRequests(services.new_id, services.publications)

    def door(answer: Answer, known_host: Callable[[str], bool] | None = known_host) -> Door:
        return Door(
            answer,
            trusted_proxies=trusted_proxies,
            certificate_headers=services.certificate_headers,
            known_host=known_host,
            refused=turned_away(services, strangers),
            new_id=services.new_id,
        )

    endpoints: dict[str, Answer] = {
        metadata.openid_path(services.issuer): discovery.metadata,
        metadata.authorization_server_path(services.issuer): discovery.metadata,
        path_of(services.base, "/jwks"): discovery.jwks,
        path_of(services.base, "/token"): ForSinglePageApps(services, token),
        path_of(services.base, "/revoke"): ForSinglePageApps(services, revocation),
        path_of(services.base, "/userinfo"): ForSinglePageApps(
            services, UserInfo(services, strangers), methods=b"GET, POST"
        ),
        path_of(services.base, "/par"): endpoint(pushed, uri=services.base + "/par"),
        path_of(services.base, "/introspect"): endpoint(Introspection(services.issuer, services.ledger)),
        path_of(services.base, "/receipts"): Receipts(services, strangers),
        path_of(services.base, "/targets"): endpoint(
            Targets(subjects_of(services)), uri=services.base + "/targets"
        ),
    }
    routes = {path: door(answer) for path, answer in endpoints.items()}
    # whoever asks for health knows an address, and no name
    routes |= {"/healthz": door(discovery.alive, None), "/readyz": door(discovery.ready, None)}
    pages = later(partial(for_people, services, lookups, trusted_proxies))
    return router(routes, guarded(pages, door(discovery.elsewhere)))


def for_people(services: Services, lookups: Lookups | None, trusted_proxies: Sequence[str]) -> ASGIApp:
    """Pages, console and admin API.

    Importing them is a third of a start: whoever waits for tokens need not wait for that.
    """
    from litestar.concurrency import get_asyncio_executor, set_asyncio_executor

    from idjag.idp.api.app import PREFIX, create_api
    from idjag.idp.signin.routes import create_pages

    if get_asyncio_executor() is None:
        # threads of their own, for all applications of a process: a few slow questions of somebody who may
        # look would take all those of the loop, which token requests need
        set_asyncio_executor(ThreadPoolExecutor(thread_name_prefix="idjag-pages"))
    pages: ASGIApp = create_pages(services, lookups=lookups, trusted_proxies=trusted_proxies)
    if lookups is not None:
        administration = create_api(services, lookups, trusted_proxies=trusted_proxies)
        pages = below(path_of(services.base, PREFIX), administration, pages)
    gc.freeze()  # these modules stay as well: see cli/process.py
    return pages
