"""The words of the specifications: URNs, typ values, grant types, sizes, the draft revision.

The one module to change when the draft moves.
"""

from __future__ import annotations

DRAFT = "draft-ietf-oauth-identity-assertion-authz-grant-04"

# Grant types
AUTHORIZATION_CODE = "authorization_code"
REFRESH_TOKEN = "refresh_token"
TOKEN_EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"
JWT_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"
JWT_DPOP = "urn:ietf:params:oauth:grant-type:jwt-dpop"

OFFLINE_ACCESS = "offline_access"  # the scope without which there is no refresh token

# Token types (RFC 8693 section 3; the draft's own)
ID_JAG_TOKEN = "urn:ietf:params:oauth:token-type:id-jag"
ID_TOKEN = "urn:ietf:params:oauth:token-type:id_token"
REFRESH_TOKEN_TYPE = "urn:ietf:params:oauth:token-type:refresh_token"
SAML2_TOKEN = "urn:ietf:params:oauth:token-type:saml2"

TOKEN_TYPE_BEARER = "Bearer"
TOKEN_TYPE_DPOP = "DPoP"

ID_JAG_PROFILE = "urn:ietf:params:oauth:grant-profile:id-jag"
CLIENT_ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

# JOSE typ values, as jws.parse normalises them: lower case, no "application/"
ID_JAG_TYP = "oauth-id-jag+jwt"
ACCESS_TOKEN_TYP = "at+jwt"
CLIENT_AUTHENTICATION_TYP = "client-authentication+jwt"
DPOP_TYP = "dpop+jwt"

# Absence of a type is never proof of a type (subject-token-type proposal for -05): our ID tokens say so.
ID_TOKEN_MARKER = "idjag_use"
ID_TOKEN_MARKER_VALUE = "id_token"

# What clients may authenticate with (RFC 7591 section 2)
CLIENT_SECRET = "client_secret"  # ours: basic or post, the registration does not pin one
CLIENT_SECRET_BASIC = "client_secret_basic"
CLIENT_SECRET_POST = "client_secret_post"
PRIVATE_KEY_JWT = "private_key_jwt"
TLS_CLIENT_AUTH = "tls_client_auth"
SELF_SIGNED_TLS_CLIENT_AUTH = "self_signed_tls_client_auth"
MUTUAL_TLS = (TLS_CLIENT_AUTH, SELF_SIGNED_TLS_CLIENT_AUTH)  # RFC 8705 section 2
NO_AUTHENTICATION = "none"
CLIENT_ID_METADATA_DOCUMENT = "client_id_metadata_document"  # ours: what the document at the client_id says

ASYMMETRIC = ("ES256", "RS256", "Ed25519")
DPOP_ALGORITHMS = ASYMMETRIC  # what proofs may be signed with, and what is advertised of it (MET-15)

# Sizes in bytes, times in seconds
MAX_BODY = 64 * 1024
MAX_PARAMETERS = 64
MAX_ID_JAG = 16 * 1024
MAX_SUBJECT_TOKEN = 16 * 1024
MAX_CLIENT_ASSERTION = 4 * 1024
MAX_DPOP_PROOF = 8 * 1024
MAX_CLIENT_CERTIFICATE = 16 * 1024  # as a header has it
MAX_CLIENT_METADATA = 5 * 1024  # recommended by the draft on metadata documents, section 6
MAX_SCOPES = 256
MAX_RESOURCES = 32
SKEW = 60
MAX_CLIENT_ASSERTION_LIFETIME = 3600
MAX_ID_JAG_LIFETIME = 3600
