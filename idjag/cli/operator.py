"""Who runs a command on the host, as the audit log names them (contract section 2)."""

from __future__ import annotations

import os
import socket

__all__ = ["operator"]


def operator() -> dict[str, str]:
    """The host's operator: uid@host."""
    return {"kind": "operator", "id": f"{os.getuid()}@{socket.gethostname()}"}
