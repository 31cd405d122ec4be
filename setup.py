"""What pyproject.toml cannot say: the packages found below idjag/, plus admin_ui/ from beside it."""

from __future__ import annotations

from setuptools import find_packages, setup

setup(packages=[*find_packages(include=["idjag", "idjag.*"]), "idjag.admin_ui"])
