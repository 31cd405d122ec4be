"""A Django site that signs people in with mozilla-django-oidc; a process: Django's settings are global.

``python -m tests.interop.django_site FD`` serves on that socket; its settings come as JSON on standard input.
"""

from __future__ import annotations

import json
import socket
import sys
from typing import Any

import django  # type: ignore[import-untyped]
import uvicorn
from django.conf import settings  # type: ignore[import-untyped]
from django.core.asgi import get_asgi_application  # type: ignore[import-untyped]
from django.core.management import call_command  # type: ignore[import-untyped]

_OWN: dict[str, Any] = {
    "ALLOWED_HOSTS": ["127.0.0.1"],
    "INSTALLED_APPS": [
        "django.contrib.auth",
        "django.contrib.contenttypes",
        "django.contrib.sessions",
        "mozilla_django_oidc",
    ],
    "MIDDLEWARE": [
        "django.contrib.sessions.middleware.SessionMiddleware",
        "django.contrib.auth.middleware.AuthenticationMiddleware",
    ],
    "MIGRATION_MODULES": {"auth": None, "contenttypes": None, "sessions": None},
    "ROOT_URLCONF": "tests.interop.django_urls",
    "LOGGING_CONFIG": None,
    "USE_TZ": True,
}


def main(descriptor: int, given: dict[str, Any]) -> None:
    """Serve until the process is told to stop."""
    settings.configure(**_OWN, **given)
    django.setup()
    call_command("migrate", run_syncdb=True, verbosity=0)
    config = uvicorn.Config(get_asgi_application(), lifespan="off", log_config=None, access_log=False)
    uvicorn.Server(config).run(sockets=[socket.socket(fileno=descriptor)])


if __name__ == "__main__":
    main(int(sys.argv[1]), json.load(sys.stdin))
