"""From the entries of ras.yaml to our values; what no single entry shows is found here, with its place."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

from idjag.forwarded import CertificateHeaders
from idjag.protocol.jose import PrivateKey
from idjag.ras import config_people
from idjag.ras.callers import Callers, ResourceServer, Revoker
from idjag.ras.config_clients import Registrations
from idjag.ras.config_file import (
    ClientEntry,
    IssuerEntry,
    IssuerRefEntry,
    RasFile,
    RequireEntry,
    ResourceEntry,
    SubjectEntry,
)
from idjag.ras.model import Account, Client, Link, RasConfig, Resource
from idjag.ras.places import DatabasePlace, PostgresUrl
from idjag.ras.receipt_key import receipt_key
from idjag.ras.step_up import NO_REQUIREMENT, Requirement
from idjag.ras.trusted import IssuerRef, SubjectRules, TrustedIssuer
from idjag.yaml_file import Document

__all__ = ["Values"]

_SQLITE = re.compile(r"sqlite:///([^?#]+)")
_POSTGRESQL = re.compile(r"postgresql://[^\s#]+")

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
        self._base = base
        self._loopback = loopback
        self._registrations = Registrations(document, environ=environ, base=base, loopback=loopback)

    def config(self, certificate_headers: CertificateHeaders) -> RasConfig:
        """What redemptions are judged by."""
        file = self._file
        trusted = [self._trusted(number, entry) for number, entry in enumerate(file.trusted_issuers)]
        clients = [self._client(number, entry) for number, entry in enumerate(file.clients)]
        try:
            return RasConfig(
                issuer=file.issuer,
                trusted_issuers=tuple(trusted),
                resources=tuple(self._resource(number, each) for number, each in enumerate(file.resources)),
                clients=tuple(clients),
                accepted_audiences=frozenset(file.accepted_audiences),
                default_resource=file.default_resource,
                access_token_lifetime=file.access_token.lifetime,
                one_resource=file.access_token.one_resource,
                dpop_nonce=file.dpop.nonce == "required",
                callers=self._callers(),
                issuer_lookup=file.issuer_lookup,
                certificate_headers=certificate_headers,
            )
        except ValueError as wrong:
            raise self._document.error((), str(wrong)) from None

    def accounts(self) -> tuple[Account, ...]:
        """The people of the file."""
        return config_people.accounts(self._document, self._file)

    def links(self) -> dict[Link, str]:
        """Whom the people of the file are at their issuers."""
        return config_people.links(self._document, self._file)

    def database(self) -> DatabasePlace:
        """The file of the database, or where PostgreSQL has it."""
        text = self._file.database_url
        if found := _SQLITE.fullmatch(text):
            return self._base / found[1]
        if not _POSTGRESQL.fullmatch(text):
            raise self._document.error(
                ("database_url",), "write sqlite:///PATH or postgresql://USER@HOST/DATABASE"
            )
        if urlsplit(text).password is not None and not self._loopback:
            # the file is shown to reviewers; libpq has three places for a password that are not
            problem = "no password in this file: add ?passfile=PATH, or set PGPASSFILE or PGPASSWORD"
            raise self._document.error(("database_url",), problem)
        return PostgresUrl(text)

    def kek_file(self) -> Path:
        """The file of the key-encryption key; by default beside the database."""
        if self._file.kek_file:
            return self._base / self._file.kek_file
        database = self.database()
        if isinstance(database, PostgresUrl):
            problem = "PostgreSQL needs kek_file: every server of the database is given the same key"
            raise self._document.error(("database_url",), problem)
        return database.with_name(f"{database.name}.kek")

    def receipt_key(self) -> PrivateKey | None:
        """What receipts are signed with; None when none are sent."""
        if self._file.receipts is None:
            return None
        path = self._base / self._file.receipts.key_file
        try:
            return receipt_key(path)
        except OSError as error:
            problem = f"{path}: {(error.strerror or 'cannot be read').lower()}"
        except ValueError as wrong:
            problem = f"{path} {wrong}"
        raise self._document.error(("receipts", "key_file"), problem)

    def _trusted(self, number: int, entry: IssuerEntry) -> TrustedIssuer:
        place: Place = ("trusted_issuers", number)
        own = {each.tenant: each for each in entry.tenants}
        if len(own) != len(entry.tenants):
            raise self._document.error((*place, "tenants"), "something is listed twice")
        try:
            return TrustedIssuer(
                issuer=entry.issuer,
                profiles=frozenset(entry.profiles),
                jwks_uri=entry.jwks_uri,
                keys=entry.keys,
                algorithms=tuple(entry.algorithms),
                reuse=entry.reuse,
                max_lifetime=entry.max_lifetime,
                tenants=frozenset(own),
                scope_ceiling=None if entry.scope_ceiling is None else frozenset(entry.scope_ceiling),
                default_scopes=tuple(entry.default_scopes),
                subject=self._rules(entry.subject, entry.sub_id_issuers, place),
                tenant_subjects={
                    name: self._rules(each.subject or entry.subject, each.sub_id_issuers, place)
                    for name, each in own.items()
                    if each.subject is not None or each.sub_id_issuers
                },
                may_assert_act=entry.may_assert_act,
                expires=entry.expires,
                active=entry.status == "active",
            )
        except ValueError as wrong:
            raise self._document.error(place, str(wrong)) from None

    def _rules(self, entry: SubjectEntry, sub_id_issuers: Sequence[str], place: Place) -> SubjectRules:
        return SubjectRules(
            by=tuple(entry.by),
            email_domains=frozenset(entry.email_domains),
            jit=entry.jit,
            sub_id_issuers=frozenset(sub_id_issuers),
            sub_id_match=entry.sub_id_match,
            joins=self._refs(entry.joins, (*place, "subject", "joins")),
        )

    def _refs(self, entries: Sequence[IssuerRefEntry], place: Place) -> frozenset[IssuerRef]:
        """Issuers, or tenants of issuers; each must be one that is trusted."""
        known = {
            entry.issuer: {each.tenant for each in entry.tenants} for entry in self._file.trusted_issuers
        }
        for position, entry in enumerate(entries):
            if entry.issuer not in known:
                problem = f"{entry.issuer} is not among trusted_issuers, byte for byte"
                raise self._document.error((*place, position), problem)
            if entry.tenant is not None and entry.tenant not in known[entry.issuer]:
                problem = f"{entry.tenant} is not among the tenants of {entry.issuer}"
                raise self._document.error((*place, position), problem)
        return frozenset(
            each.issuer if each.tenant is None else (each.issuer, each.tenant) for each in entries
        )

    def _client(self, number: int, entry: ClientEntry) -> Client:
        place: Place = ("clients", number)
        if not entry.issuers:
            raise self._document.error((*place, "issuers"), "name at least one: nobody is trusted by default")
        made = Client(
            client_id=entry.client_id,
            scopes=frozenset(entry.scopes),
            issuers=self._refs(entry.issuers, (*place, "issuers")),
            tenant=entry.tenant,
            registration=self._registrations.of(entry, place),
            require=self._requirement(entry.require, (*place, "require")),
        )
        try:
            return replace(made, origins=frozenset(entry.origins))
        except ValueError as wrong:
            raise self._document.error((*place, "origins"), str(wrong)) from None

    def _resource(self, number: int, entry: ResourceEntry) -> Resource:
        return Resource(
            entry.uri,
            frozenset(entry.scopes),
            key_bound=entry.key_bound,
            require=self._requirement(entry.require, ("resources", number, "require")),
        )

    def _requirement(self, entry: RequireEntry | None, place: Place) -> Requirement:
        if entry is None:
            return NO_REQUIREMENT
        try:
            return Requirement(
                acr=tuple(entry.acr or ()),
                amr=frozenset(entry.amr or ()),
                max_auth_age=entry.max_auth_age,
            )
        except ValueError as wrong:
            raise self._document.error(place, str(wrong)) from None

    def _callers(self) -> Callers:
        """Who may introspect, and who may end everything of a person."""
        return Callers(
            resource_servers=tuple(
                ResourceServer(
                    self._registrations.of(entry, ("introspection", "clients", number)),
                    resources=frozenset(entry.resources),
                )
                for number, entry in enumerate(self._file.introspection.clients)
            ),
            revokers=tuple(
                Revoker(
                    self._registrations.of(entry, ("global_token_revocation", "clients", number)),
                    issuers=frozenset(entry.issuers),
                    by_email="email" in entry.formats,
                    tenant=entry.tenant,
                )
                for number, entry in enumerate(self._file.global_token_revocation.clients)
            ),
        )
