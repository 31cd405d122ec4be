"""From the entries of ras.yaml to our values; what no single entry shows is found here, with its place."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from idjag.protocol.client_auth import Registration, hash_secret
from idjag.protocol.names import PRIVATE_KEY_JWT
from idjag.ras.config_file import AccountEntry, AuthEntry, ClientEntry, IssuerEntry, RasFile, secret_problem
from idjag.ras.model import Account, Client, Link, RasConfig, Resource, SubjectRules, TrustedIssuer
from idjag.secrets_ref import Secret, SecretUnusable, resolve
from idjag.yaml_file import Document, FileError

__all__ = ["Values"]

_SQLITE = re.compile(r"sqlite:///([^?#]+)")

Place = tuple[str | int, ...]


class Values:
    """The values of one file; every method raises FileError.

    ``base`` is the folder of the file; ``loopback`` lets secrets stand in the file itself.
    """

    def __init__(
        self, document: Document, file: RasFile, *, environ: Mapping[str, str], base: Path, loopback: bool
    ) -> None:
        self._document = document
        self._file = file
        self._environ = environ
        self._base = base
        self._loopback = loopback
        self._issuers = {entry.issuer for entry in file.trusted_issuers}

    def config(self) -> RasConfig:
        """What redemptions are judged by."""
        file = self._file
        trusted = [self._trusted(number, entry) for number, entry in enumerate(file.trusted_issuers)]
        clients = [self._client(number, entry) for number, entry in enumerate(file.clients)]
        try:
            return RasConfig(
                issuer=file.issuer,
                trusted_issuers=tuple(trusted),
                resources=tuple(Resource(each.uri, frozenset(each.scopes)) for each in file.resources),
                clients=tuple(clients),
                accepted_audiences=frozenset(file.accepted_audiences),
                default_resource=file.default_resource,
                access_token_lifetime=file.access_token.lifetime,
            )
        except ValueError as wrong:
            raise self._document.error((), str(wrong)) from None

    def accounts(self) -> tuple[Account, ...]:
        """The people of the file."""
        addresses: set[tuple[str | None, str]] = set()
        seen: set[str] = set()
        for number, entry in enumerate(self._file.accounts):
            if entry.id in seen:
                raise self._document.error(("accounts", number, "id"), f"account {entry.id} is there already")
            seen.add(entry.id)
            if entry.email is None:
                continue
            address = (entry.tenant, entry.email.lower())
            if address in addresses:  # two would both be refused: strategies that disagree
                raise self._document.error(("accounts", number, "email"), "another account has this address")
            addresses.add(address)
        return tuple(map(_account, self._file.accounts))

    def links(self) -> dict[Link, str]:
        """Whom the people of the file are at their issuers."""
        links: dict[Link, str] = {}
        for number, account in enumerate(self._file.accounts):
            for position, entry in enumerate(account.links):
                place = ("accounts", number, "links", position)
                self._check_trusted(entry.issuer, (*place, "issuer"))
                link = Link(entry.issuer, entry.tenant, entry.sub)
                if link in links:
                    raise self._document.error(
                        (*place, "sub"), f"account {links[link]} has this link already"
                    )
                links[link] = account.id
        return links

    def database(self) -> Path:
        """The file of the database."""
        found = _SQLITE.fullmatch(self._file.database_url)
        if found is None:
            place = ("database_url",)
            raise self._document.error(place, "write sqlite:///PATH; other databases are not built")
        return self._base / found[1]

    def kek_file(self) -> Path:
        """The file of the key-encryption key; by default beside the database."""
        if self._file.kek_file:
            return self._base / self._file.kek_file
        database = self.database()
        return database.with_name(f"{database.name}.kek")

    def _trusted(self, number: int, entry: IssuerEntry) -> TrustedIssuer:
        rules = entry.subject
        try:
            return TrustedIssuer(
                issuer=entry.issuer,
                profiles=frozenset(entry.profiles),
                jwks_uri=entry.jwks_uri,
                keys=entry.keys,
                algorithms=tuple(entry.algorithms),
                reuse=entry.reuse,
                max_lifetime=entry.max_lifetime,
                tenants=frozenset(entry.tenants),
                scope_ceiling=None if entry.scope_ceiling is None else frozenset(entry.scope_ceiling),
                default_scopes=tuple(entry.default_scopes),
                subject=SubjectRules(
                    by=tuple(rules.by), email_domains=frozenset(rules.email_domains), jit=rules.jit
                ),
                expires=entry.expires,
                active=entry.status == "active",
            )
        except ValueError as wrong:
            raise self._document.error(("trusted_issuers", number), str(wrong)) from None

    def _client(self, number: int, entry: ClientEntry) -> Client:
        place: Place = ("clients", number)
        if not entry.issuers:
            raise self._document.error((*place, "issuers"), "name at least one: nobody is trusted by default")
        for position, issuer in enumerate(entry.issuers):
            self._check_trusted(issuer, (*place, "issuers", position))
        return Client(
            client_id=entry.client_id,
            scopes=frozenset(entry.scopes),
            issuers=frozenset(entry.issuers),
            tenant=entry.tenant,
            registration=self._registration(entry, place),
        )

    def _registration(self, entry: ClientEntry, place: Place) -> Registration:
        auth = entry.auth
        by_key = auth.method == PRIVATE_KEY_JWT
        if by_key and (auth.jwks is None or auth.secret is not None):
            raise self._document.error((*place, "auth"), "private_key_jwt needs jwks, and no secret")
        if not by_key and (auth.secret is None or auth.jwks is not None):
            raise self._document.error((*place, "auth"), f"{auth.method} needs secret, and no jwks")
        return Registration(
            client_id=entry.client_id,
            method=auth.method,
            secret_hashes=() if by_key else (hash_secret(self._secret(auth, place)),),
            keys=auth.jwks,
        )

    def _secret(self, auth: AuthEntry, place: Place) -> str:
        try:
            secret = resolve(
                auth.secret or "", environ=self._environ, loopback=self._loopback, base=self._base
            )
        except SecretUnusable as unusable:
            raise self._wrong_secret(place, str(unusable)) from None
        if not isinstance(secret, Secret):
            raise self._wrong_secret(place, "a client secret is no password hash")
        if problem := secret_problem(secret.value):
            raise self._wrong_secret(place, problem)
        return secret.value

    def _wrong_secret(self, place: Place, problem: str) -> FileError:
        return self._document.error((*place, "auth", "secret"), problem)

    def _check_trusted(self, issuer: str, place: Place) -> None:
        if issuer not in self._issuers:
            raise self._document.error(place, f"{issuer} is not among trusted_issuers, byte for byte")


def _account(entry: AccountEntry) -> Account:
    return Account(
        id=entry.id,
        email=entry.email,
        tenant=entry.tenant,
        active=entry.status == "active",
    )
