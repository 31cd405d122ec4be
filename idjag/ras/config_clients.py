"""From ``auth`` of ras.yaml to registrations: whose credentials are complete, and where they come from."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

from idjag.protocol import names
from idjag.protocol.client_auth import Registration, hash_secret
from idjag.protocol.client_certificate import SUBJECTS, Subject, SubjectWrong
from idjag.protocol.client_metadata import url_problem
from idjag.ras.config_fields import secret_problem
from idjag.ras.config_file import AuthEntry
from idjag.secrets_ref import Secret, SecretUnusable, resolve
from idjag.yaml_file import Document, FileError

__all__ = ["Registrations"]

_Place = tuple[str | int, ...]
_NOTHING = "{} has no credentials here: no secret, jwks or jwks_uri"


class Authenticating(Protocol):
    """An entry of somebody who authenticates."""

    @property
    def client_id(self) -> str:
        """Their name."""
        ...

    @property
    def auth(self) -> AuthEntry:
        """How."""
        ...


class Registrations:
    """``base`` is the folder of the file; ``loopback`` lets secrets stand in the file itself."""

    def __init__(self, document: Document, *, environ: Mapping[str, str], base: Path, loopback: bool) -> None:
        self._document = document
        self._environ = environ
        self._base = base
        self._loopback = loopback

    def of(self, entry: Authenticating, place: _Place) -> Registration:
        """The registration, its secret resolved to a hash; raises FileError."""
        auth = entry.auth
        if problem := self._problem(entry):
            raise self._document.error((*place, "auth"), problem)
        secrets = self._secrets(auth, (*place, "auth"))
        subjects = [self._subject(name, text, (*place, "auth")) for name, text in auth.subjects.items()]
        return Registration(
            client_id=entry.client_id,
            method=auth.method,
            secret_hashes=tuple(digest for digest, until in secrets if until is None),
            keys=auth.jwks,
            jwks_uri=auth.jwks_uri,
            expiring=tuple((digest, until) for digest, until in secrets if until is not None),
            subject=subjects[0] if subjects else None,
        )

    def _subject(self, name: str, text: str, place: _Place) -> Subject:
        try:
            return Subject(name, text)
        except SubjectWrong as wrong:
            raise self._document.error((*place, name), f"{name} {wrong}") from None

    def _secrets(self, auth: AuthEntry, place: _Place) -> list[tuple[bytes, int | None]]:
        """Each with the second from which on it is none (CAU-15)."""
        if auth.secret is not None:
            return [(hash_secret(self._secret(auth.secret, (*place, "secret"))), None)]
        return [
            (hash_secret(self._secret(each.secret, (*place, "secrets", number, "secret"))), each.expires)
            for number, each in enumerate(auth.secrets or ())
        ]

    def _problem(self, entry: Authenticating) -> str | None:
        auth = entry.auth
        has_secret = auth.secret is not None or auth.secrets is not None
        keys = [each for each in (auth.jwks, auth.jwks_uri) if each is not None]
        if auth.method == names.TLS_CLIENT_AUTH:
            wrong = len(auth.subjects) != 1 or bool(keys) or has_secret
            return f"tls_client_auth needs one of {', '.join(SUBJECTS)}, and nothing else" if wrong else None
        if auth.subjects:
            return f"{next(iter(auth.subjects))} is for tls_client_auth, not for {auth.method}"
        if auth.method in (names.PRIVATE_KEY_JWT, names.SELF_SIGNED_TLS_CLIENT_AUTH):
            wrong = len(keys) != 1 or has_secret
            return f"{auth.method} needs jwks or jwks_uri, and no secret" if wrong else None
        if auth.method in (names.NO_AUTHENTICATION, names.CLIENT_ID_METADATA_DOCUMENT):
            if keys or has_secret:
                return _NOTHING.format(auth.method)
            by_document = auth.method == names.CLIENT_ID_METADATA_DOCUMENT
            problem = url_problem(entry.client_id, loopback=self._loopback) if by_document else None
            return f"the client_id of a metadata document {problem}" if problem else None
        wrong = (auth.secret is None) == (auth.secrets is None) or bool(keys)
        return f"{auth.method} needs secret (or secrets, two of them), and no keys" if wrong else None

    def _secret(self, reference: str, place: _Place) -> str:
        try:
            secret = resolve(reference, environ=self._environ, loopback=self._loopback, base=self._base)
        except SecretUnusable as unusable:
            raise self._wrong_secret(place, str(unusable)) from None
        if not isinstance(secret, Secret):
            raise self._wrong_secret(place, "a client secret is no password hash")
        if problem := secret_problem(secret.value):
            raise self._wrong_secret(place, problem)
        return secret.value

    def _wrong_secret(self, place: _Place, problem: str) -> FileError:
        return self._document.error(place, problem)
