"""The description of the admin API (OpenAPI): what the framework knows, bodies, refusals, the token."""

import copy
from collections.abc import Mapping
from typing import Any, Final

from litestar import Request
from litestar.openapi.plugins import JsonRenderPlugin

from idjag.idp.api.bodies import (
    HoldBody,
    ReleaseBody,
    RevokeBody,
    RoleBody,
    RotateBody,
    SecretBody,
    TokenBody,
)
from idjag.idp.api.discovery import CheckBody, DiscoverBody
from idjag.idp.api.routes import YAML
from idjag.idp.catalog.app import AppEntry
from idjag.idp.catalog.connection import ConnectionEntry
from idjag.idp.catalog.fields import FileEntry
from idjag.idp.catalog.group import GroupEntry
from idjag.idp.catalog.guardrail import GuardrailEntry
from idjag.idp.catalog.resource_app import ResourceAppEntry
from idjag.idp.catalog.user import UserEntry
from idjag.idp.state.file import AskEntry, StateFile

__all__ = ["Described"]

_V1: Final = "/v1/"
_REFUSALS: Final = ("400", "401", "403", "404", "409", "412", "413", "422", "428", "429", "503")
_KINDS: Final = ("application/x-ndjson", "text/csv")
_FILES: Final = {"/v1/audit/export": _KINDS, "/v1/audit/log": _KINDS}
_BODIES: Final[Mapping[str, type[FileEntry]]] = {
    "/v1/apps/{key}/secrets": SecretBody,
    "/v1/ask": AskEntry,
    "/v1/connections/{key}/check": CheckBody,
    "/v1/discover": DiscoverBody,
    "/v1/holds": HoldBody,
    "/v1/holds/release": ReleaseBody,
    "/v1/keys/rotate": RotateBody,
    "/v1/keys/{kid}/revoke": RevokeBody,
    "/v1/state": StateFile,
    "/v1/tokens": TokenBody,
}


class Described(JsonRenderPlugin):
    """Serves the description at ``openapi.json``, to whoever has a token."""

    def render(self, request: Request[Any, Any, Any], openapi_schema: dict[str, Any]) -> bytes:
        """The description as JSON."""
        return self.render_json(request, _completed(copy.deepcopy(openapi_schema)))


def _completed(described: dict[str, Any]) -> dict[str, Any]:
    described["security"] = [{"bearer": []}]
    schemas = described.setdefault("components", {}).setdefault("schemas", {})
    described["components"]["securitySchemes"] = {"bearer": {"type": "http", "scheme": "bearer"}}
    for path, operations in described["paths"].items():
        for method, operation in operations.items():
            if model := _sent_to(path[path.find(_V1) :], method):
                schema = model.model_json_schema(ref_template="#/components/schemas/{model}")
                schemas |= schema.pop("$defs", {})
                content = {"application/json": {"schema": schema}}
                operation["requestBody"] = {"required": True, "content": content}
            if kinds := _FILES.get(path[path.find(_V1) :]):
                files = {kind: {"schema": {"type": "string"}} for kind in kinds}
                operation["responses"]["200"]["content"] = files
            operation["responses"] |= dict.fromkeys(_REFUSALS, _PROBLEM)
            _say_it_is_a_mapping(operation["responses"])
    return described


def _say_it_is_a_mapping(responses: dict[str, Any]) -> None:
    """A state file is text to the framework, and a mapping to whoever reads YAML."""
    for answer in responses.values():
        if YAML in answer.get("content", {}):
            answer["content"][YAML]["schema"] = {"type": "object"}


def _sent_to(path: str, method: str) -> type[FileEntry] | None:
    if method == "post":
        return _BODIES.get(path)
    noun = path.removeprefix("/v1/").partition("/")[0].replace("-", "_")
    return _NOUNS.get(noun) if method == "put" else None


_NOUNS: Final[Mapping[str, type[FileEntry]]] = {
    "groups": GroupEntry,
    "users": UserEntry,
    "apps": AppEntry,
    "resource_apps": ResourceAppEntry,
    "connections": ConnectionEntry,
    "guardrails": GuardrailEntry,
    "administrators": RoleBody,
}
_PROBLEM: Final = {
    "description": "Refused (RFC 9457)",
    "content": {
        "application/problem+json": {
            "schema": {
                "type": "object",
                "required": ["title", "status", "detail", "decision_id"],
                "properties": {
                    "title": {"type": "string"},
                    "status": {"type": "integer"},
                    "detail": {"type": "string"},
                    "decision_id": {"type": "string"},
                    "errors": {"type": "array", "items": {"type": "object"}},
                },
            }
        }
    },
}
