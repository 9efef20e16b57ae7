"""A connector's settings: a frozen dataclass whose fields say how to ask for them. The form and the docs are made from it."""

import dataclasses
import typing
from collections.abc import Mapping
from typing import Any, TypeVar

from nervo.errors import BadInput
from nervo.kit.secrets import Secret

T = TypeVar("T")


def setting(
    label: str, *, it: str, help: str = "", default: Any = dataclasses.MISSING, choices: tuple[str, ...] = ()
) -> Any:
    """A field with its English and Italian label. Without a default it is required."""
    metadata = {"label": label, "label_it": it, "help": help, "choices": choices}
    if default is dataclasses.MISSING:
        return dataclasses.field(metadata=metadata)
    return dataclasses.field(default=default, metadata=metadata)


@dataclasses.dataclass(frozen=True, slots=True)
class Field:
    """One field of the form."""

    name: str
    label: str
    label_it: str
    kind: str
    required: bool
    secret: bool
    default: Any
    choices: tuple[str, ...]
    help: str


def form(settings: type) -> tuple[Field, ...]:
    """The form of a settings class, in order."""
    hints = typing.get_type_hints(settings)
    return tuple(_field(f, hints[f.name]) for f in dataclasses.fields(settings))


def _field(f: "dataclasses.Field[Any]", kind: type) -> Field:
    required = f.default is dataclasses.MISSING and f.default_factory is dataclasses.MISSING
    meta = f.metadata
    return Field(
        name=f.name,
        label=meta.get("label", f.name),
        label_it=meta.get("label_it", f.name),
        kind=kind.__name__,
        required=required,
        secret=kind is Secret,
        default=None if required else f.default,
        choices=tuple(meta.get("choices", ())),
        help=meta.get("help", ""),
    )


def parse(settings: type[T], given: Mapping[str, Any]) -> T:
    """Settings from plain values. Raises BadInput naming every field that is missing, unknown or of the wrong kind."""
    fields = {f.name: f for f in form(settings)}
    wrong = [f"{name}: unknown" for name in given if name not in fields]
    wrong += [f"{name}: missing" for name, f in fields.items() if f.required and given.get(name) in (None, "")]
    values = {}
    for name, value in given.items():
        if name in fields and value not in (None, ""):
            try:
                values[name] = _convert(fields[name], value)
            except ValueError as error:
                wrong.append(f"{name}: {error}")
    if wrong:
        raise BadInput(
            "reading the settings", "; ".join(wrong), code="bad_settings", fix="Correct these fields and save again."
        )
    return settings(**values)


def _convert(field: Field, value: Any) -> Any:
    if field.secret:
        return Secret(value)
    if field.kind == "bool":
        if isinstance(value, bool):
            return value
        if str(value).lower() in ("true", "yes", "1", "on", "false", "no", "0", "off"):
            return str(value).lower() in ("true", "yes", "1", "on")
        raise ValueError(f"{value!r} is neither true nor false")
    if field.kind == "int":
        return int(value)
    if field.choices and value not in field.choices:
        raise ValueError(f"{value!r} is none of {', '.join(field.choices)}")
    return str(value) if field.kind == "str" else value
