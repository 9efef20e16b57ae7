"""Model objects to JSON text and back; times to milliseconds and back."""

from datetime import UTC, datetime
from typing import Any, TypeVar

import msgspec

T = TypeVar("T")
_encoder = msgspec.json.Encoder(decimal_format="string")


def text(value: Any) -> str:
    """JSON text of a model object or plain value; decimals as strings."""
    return _encoder.encode(value).decode()


def parse(document: str | bytes, kind: type[T]) -> T:
    """The model object of a JSON text."""
    return msgspec.json.decode(document, type=kind)


def plain(document: str | bytes) -> Any:
    """Plain values of a JSON text."""
    return msgspec.json.decode(document)


def ms(moment: datetime) -> int:
    """Milliseconds since 1970 UTC."""
    return int(moment.timestamp() * 1000)


def moment(milliseconds: int) -> datetime:
    """The aware time of milliseconds since 1970."""
    return datetime.fromtimestamp(milliseconds / 1000, UTC)
