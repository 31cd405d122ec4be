"""idjag: cross-app access under an administrator's rules. This module owns the version alone."""

__version__ = "0.1.0"
