"""The resource authorization server: a library that a SaaS embeds, or runs beside itself.

Light: it needs joserfc with cryptography and the standard library.  Exactly ``store_sql``, ``config``
and ``standalone`` need more; import them from their modules.
"""

from __future__ import annotations

from idjag.protocol.client_auth import Registration, hash_secret
from idjag.protocol.http import Reply, TokenRequest
from idjag.protocol.jose import KeySet, PrivateKey
from idjag.protocol.sub_id import SamlNameId
from idjag.ras.access_token import JwtSigner
from idjag.ras.guard import Guard
from idjag.ras.memory import MemoryStore, NoKeys
from idjag.ras.model import Account, Client, Link, RasConfig, Resource, SubjectRules, TrustedIssuer
from idjag.ras.redemption import Redemption
from idjag.ras.server import NotRedeemed, Ras
from idjag.ras.step_up import Requirement
from idjag.ras.subjects import Identity

__all__ = [
    "Account",
    "Client",
    "Guard",
    "Identity",
    "JwtSigner",
    "KeySet",
    "Link",
    "MemoryStore",
    "NoKeys",
    "NotRedeemed",
    "PrivateKey",
    "Ras",
    "RasConfig",
    "Redemption",
    "Registration",
    "Reply",
    "Requirement",
    "Resource",
    "SamlNameId",
    "SubjectRules",
    "TokenRequest",
    "TrustedIssuer",
    "hash_secret",
]
