"""Whom we believe: issuers, their keys and the one way out to fetch them; no framework, no database."""
