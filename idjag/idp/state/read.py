"""From a document to a typed state file, and from what is wrong with it back to lines and columns."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property

from idjag.idp.catalog.references import Path, Problem
from idjag.idp.state.cases import Failure
from idjag.idp.state.file import SECTIONS, Section, StateFile
from idjag.yaml_file import Document, FileError, FileErrors, validate

__all__ = ["Source", "read"]

_MOST = 50


@dataclass(frozen=True)
class Source:
    """A state file and the document that it was read from."""

    document: Document
    state: StateFile

    def located(self, problems: Iterable[Problem]) -> FileErrors:
        """The problems where they stand; one of something that the file does not have stands at its top."""
        return _errors(self._error(problem) for problem in problems)

    def failed(self, failures: Iterable[Failure]) -> FileErrors:
        """The tests that failed, where they stand."""
        return _errors(
            self.document.error(failure.path, f"test {failure.name}: {failure.message}")
            for failure in failures
        )

    def position(self, noun: str, key: str) -> tuple[int, int]:
        """Line and column of a thing; of the top when the file does not have it."""
        return self.document.position(self._places.get((noun, key), ()))

    @property
    def absent(self) -> tuple[Section, ...]:
        """The sections that the file does not manage."""
        return tuple(section for section in SECTIONS if getattr(self.state, section.name) is None)

    def _error(self, problem: Problem) -> FileError:
        place = self._places.get((problem.noun, problem.key))
        path: Path = () if place is None else (*place, *problem.path)
        return self.document.error(path, str(problem))

    @cached_property
    def _places(self) -> dict[tuple[str, str], Path]:
        places: dict[tuple[str, str], Path] = {
            (section.noun, getattr(entry, section.key)): (section.name, number)
            for section in SECTIONS
            for number, entry in enumerate(getattr(self.state, section.name) or ())
        }
        for number, connection in enumerate(self.state.connections or ()):
            for place, rule in enumerate(connection.rules):
                places["rule", f"{connection.id}/{rule.id}"] = ("connections", number, "rules", place)
        return places


def read(document: Document) -> Source:
    """The typed file; raises FileErrors with everything that is wrong with it by itself."""
    state = validate(document, StateFile)
    repeated = list(_repeated(document, state))
    if repeated:
        raise _errors(repeated)
    return Source(document, state)


def _repeated(document: Document, state: StateFile) -> Iterator[FileError]:
    """Two entries of one name: whichever won, somebody would read the other one."""
    for section in SECTIONS:
        seen: dict[str, int] = {}
        for number, entry in enumerate(getattr(state, section.name) or ()):
            key = getattr(entry, section.key)
            first = seen.setdefault(key, number)
            if first != number:
                line, _ = document.position((section.name, first, section.key))
                message = f"{section.noun.replace('_', ' ')} {key} is there already, on line {line}"
                yield document.error((section.name, number, section.key), message)


def _errors(errors: Iterable[FileError]) -> FileErrors:
    ordered = sorted(errors, key=lambda error: (error.line, error.column))
    return FileErrors(ordered[:_MOST], omitted=max(0, len(ordered) - _MOST))
