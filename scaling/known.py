"""Tables of known things, found by name: one line each, and the file that the line names.

What is known is described by its options, a frozen dataclass that imports nothing heavy; the callable that makes the
thing is named as text and imported when it is made. Code outside the package adds a line of its own:

    ENCODERS["mine"] = Known(MineOptions, "my_package.encoder:Mine")
"""

import importlib
import json
from collections.abc import Mapping
from dataclasses import MISSING, asdict, dataclass, field, fields
from typing import Any, TypeVar

from scaling.errors import StudyError

T = TypeVar("T")


@dataclass(frozen=True)
class Known:
    """One line of a table: the class of the options, and "module:callable" of what is made from them."""

    options: type[Any]
    builder: str

    def load(self) -> Any:
        """The callable."""
        module, _, name = self.builder.partition(":")
        return getattr(importlib.import_module(module), name)


class Table(dict[str, Known]):
    """Known things of one kind (a word for people: "encoder") by name."""

    def __init__(self, kind: str, entries: Mapping[str, Known]) -> None:
        super().__init__(entries)
        self.kind = kind

    def name_of(self, options: object) -> str:
        """The name under which these options are known.

        Raises `StudyError` where their class is in no line of the table.
        """
        for name, known in self.items():
            if type(options) is known.options:
                return name
        raise StudyError(f"{type(options).__name__} is no known {self.kind}: add a line to the table of {self.kind}s")

    def builder_of(self, options: object) -> Any:
        """The callable that makes what these options describe."""
        return self[self.name_of(options)].load()

    def default(self, name: str) -> Any:
        """The options of this name with their defaults.

        Raises `StudyError` for an unknown name.
        """
        return self._named(name).options()

    def from_json(self, described: Mapping[str, Any]) -> Any:
        """The options that `to_json` described.

        Raises `StudyError` for an unknown name or unknown fields.
        """
        known = self._named(str(described.get("name")))
        return read_fields(known.options, {key: value for key, value in described.items() if key != "name"})

    def _named(self, name: str) -> Known:
        if name not in self:
            raise StudyError(f"there is no {self.kind} {name}: known are {', '.join(self)}")
        return self[name]

    def to_json(self, options: Any) -> dict[str, Any]:
        """The options as plain data: `name`, then every field."""
        return {"name": self.name_of(options), **asdict(options)}


def born(value: T, *, now: T | None = None) -> T:
    """A field of a run with the default `now` (or `value`), whose birth value is `value`.

    The birth value is what every run had before the field was there, or before its default was changed; it is left out
    of a run's hash, so that neither renames a run that is done. A plain default is its own birth value.
    """
    made: T = field(default=value if now is None else now, metadata={"birth": value})
    return made


def set_fields(options: Any) -> dict[str, Any]:
    """The fields of a dataclass that do not have their birth value."""
    found = {}
    for each in fields(options):
        value = getattr(options, each.name)
        birth = each.metadata.get("birth", each.default)
        if birth is MISSING or value != birth:
            found[each.name] = value
    return found


def read_fields(kind: type[T], given: Mapping[str, Any]) -> T:
    """A dataclass from plain data as JSON gives it back; fields that are not given have their defaults.

    Raises `StudyError` for fields that the class does not have, that it needs, or of other types.
    """
    # Here and not above: an encoder that has left its study is made from its options where pydantic is not installed.
    from pydantic import TypeAdapter, ValidationError

    if unknown := set(given) - {each.name for each in fields(kind)}:  # type: ignore[arg-type]
        raise StudyError(f"fields of another version of this project: {', '.join(sorted(unknown))}")
    try:
        made: T = TypeAdapter(kind).validate_json(json.dumps(given), strict=True)
        return made
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        raise StudyError(f"{'.'.join(map(str, first['loc']))} of {kind.__name__}: {first['msg']}") from None
