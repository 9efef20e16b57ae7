"""What every page has: the frame around it, the store behind it, paging by key."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, cast

from django.conf import settings
from django.http import HttpRequest

from nervo.panel import access, words
from nervo.rules.config import Config, parse
from nervo.store.database import Database
from nervo.store.models import ConfigVersion, Problem

PAGE = 50


def db() -> Database:
    """The store's writer: the process's own where bootstrap gave one."""
    return cast("Database | None", getattr(settings, "NERVO_DB", None)) or _own()


@cache
def _own() -> Database:
    return Database(writers=1, readers=1)


def now_ms() -> int:
    return int(time.time() * 1000)


def config() -> Config:
    """The live configuration; an empty one before the first."""
    latest = ConfigVersion.objects.order_by("-id").values_list("id", "doc").first()
    return _parsed(*latest) if latest else Config()


@cache
def _parsed(version: int, document: str) -> Config:
    return parse(document)


def frame(request: HttpRequest) -> dict[str, Any]:
    """Context of every template."""
    known = request.user.is_authenticated if hasattr(request, "user") else False
    return {
        "environment": words.pill("environment", settings.NERVO_ENVIRONMENT),
        "role": access.role(request) if known else "",
        "now_ms": now_ms(),
        "to_fix": Problem.objects.filter(state="open").count() if known else 0,
        "company": config().company if known else "",
    }


@dataclass(frozen=True, slots=True)
class Page:
    """Some rows, and the key after which the next ones follow; None at the end."""

    rows: Sequence[Any]
    after: Any


def paged(found: Sequence[Any], key: str) -> Page:
    """A page, from rows of which one more was read than it holds."""
    return Page(found[:PAGE], found[PAGE - 1][key] if len(found) > PAGE else None)


def whole(text: str | None, default: int = 0) -> int:
    """A number from an address; the default where it is none."""
    return int(text) if text and text.isdigit() and len(text) < 18 else default
