"""What may go wrong on a wire, as data. Which of them an edge may show is in `plan`."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from enum import StrEnum
from http import HTTPStatus


class Kind(StrEnum):
    """One way in which a network, a gateway or a cache spoils an exchange."""

    # The exchange is right, only slow or in pieces.
    LATENCY = "latency"  # both ways, `seconds` and up to `jitter_s` more
    BANDWIDTH = "bandwidth"  # the answer at `size` bytes a second
    SLICER = "slicer"  # the answer in segments of `size` bytes
    SLOW_CLOSE = "slow_close"  # an answer without a length, its end `seconds` late
    # Nothing reaches the far side.
    STALL = "stall"  # accepted, never answered
    RESET = "reset"  # RST when the request has come
    CLOSE_KEPT = "close_kept"  # a kept connection is closed while the next request is being sent on it
    STORM = "storm"  # a gateway's `status` with a page of HTML
    THROTTLE = "throttle"  # 429, `retry_after` as given; "date": a moment about a second ahead
    REDIRECT = "redirect"  # 302 to a page of its own
    # It takes effect, and the answer is spoilt.
    NO_ANSWER = "no_answer"  # never answered
    RESET_AFTER = "reset_after"  # RST instead of the answer
    LOST_REPLY = "lost_reply"  # closed instead of the answer
    GATEWAY = "gateway"  # a gateway's `status` with a page of HTML instead of the answer
    TRUNCATE = "truncate"  # half of the announced length, then closed
    CUT_CHUNKED = "cut_chunked"  # half of the chunks, then closed
    GARBAGE = "garbage"  # 200 with a page of HTML instead of the answer
    # It takes effect another time, or twice.
    LATE = "late"  # closed, or a gateway's `status`; passed on `seconds` later
    DUPLICATE = "duplicate"  # passed on twice, where that may be
    STALE = "stale"  # an earlier answer to the same GET; nothing reaches the far side


SLOWED = frozenset({Kind.LATENCY, Kind.BANDWIDTH, Kind.SLICER, Kind.SLOW_CLOSE})


@dataclass(slots=True)
class Toxic:
    """A toxic for requests whose "METHOD /path body" contains `match`: for this share of them, and `times` at most."""

    kind: Kind
    match: str = ""
    share: float = 1.0
    times: int = 1_000_000
    seconds: float = 0.0
    jitter_s: float = 0.0
    size: int = 0
    status: int = 0
    retry_after: str = ""


@dataclass(frozen=True, slots=True)
class Jolt:
    """What befalls a plain pipe for a moment: every byte late by `delay_s`, all connections cut so often, nothing passing for `stall_s`."""

    delay_s: float = 0.0
    cuts: int = 0
    stall_s: float = 0.0


@dataclass(slots=True)
class Exchange:
    """A request and an answer as they pass: the head's first line, its headers in lower case, the whole body."""

    line: str
    headers: list[tuple[str, str]] = field(default_factory=list)
    body: bytes = b""

    @property
    def method(self) -> str:
        return self.line.split(" ", 1)[0]

    @property
    def place(self) -> str:
        """Method and path, by which a toxic is chosen and an answer recorded."""
        return self.line.rsplit(" ", 1)[0]

    def header(self, name: str) -> str:
        return next((value for key, value in self.headers if key == name), "")


def page(status: int, *extra: tuple[str, str]) -> Exchange:
    """A gateway's page of HTML."""
    said = HTTPStatus(status).phrase
    body = f"<html><head><title>{status} {said}</title></head><body><center>{said}</center></body></html>".encode()
    return Exchange(f"HTTP/1.1 {status} {said}", [("content-type", "text/html"), *extra], body)


def in_a_second() -> str:
    """An HTTP-date that is not passed for a second."""
    return format_datetime(datetime.now(UTC) + timedelta(seconds=2), usegmt=True)
