"""How the panel writes statuses, icons, money, numbers and times."""

from datetime import datetime, timedelta
from decimal import Decimal

from babel.dates import format_date, format_datetime, format_time
from django import template
from django.template import Context
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import get_language, gettext, ngettext

from nervo.panel import access, causes, words
from nervo.panel.asgi import asset_url
from nervo.panel.formats import money, moneys, number, published
from nervo.store.codec import moment

register = template.Library()
register.simple_tag(asset_url, name="asset")
register.filter(money)
register.filter(moneys)
register.filter(number)
register.filter("shown", published)


@register.simple_tag
def icon(name: str, extra: str = "") -> SafeString:
    """An icon beside words: hidden from screen readers."""
    return format_html(
        '<svg class="icon {}" aria-hidden="true" focusable="false"><use href="{}#{}"></use></svg>',
        extra, asset_url("panel/icons.svg"), name,
    )  # fmt: skip


@register.simple_tag
def status(table: str, code: str) -> SafeString:
    """A status with icon, word and colour."""
    pill = words.pill(table, code)
    return format_html(
        '<span class="badge bg-{}-lt pill">{}<span>{}</span></span>',
        pill.colour,
        icon(pill.icon, f"text-{pill.colour}"),
        pill.word,
    )


@register.filter
def words_of(code: str, table: str) -> str:
    """A code's word from one of the word tables: {{ owner|words_of:"ACTS" }}."""
    return words.word(getattr(words, table), code)


@register.filter
def cause(code: str) -> str:
    return causes.title(code)


@register.filter
def signed(value: Decimal) -> str:
    return f"{'+' if value > 0 else '−' if value < 0 else ''}{number(abs(value))}"


@register.filter
def when(at_ms: int) -> SafeString | str:
    """A moment, short; the whole of it on hover and for machines."""
    if not at_ms:
        return gettext("never")
    at, lang = timezone.localtime(moment(at_ms)), get_language() or "it"
    return format_html('<time datetime="{}" title="{}">{}</time>', at.isoformat(timespec="milliseconds"),
                       format_datetime(at, "full", locale=lang), _short(at, timezone.localtime(), lang))  # fmt: skip


def _short(at: datetime, now: datetime, lang: str) -> str:
    clock = format_time(at, "HH:mm", locale=lang)
    if at.date() == now.date():
        return gettext("today {clock}").format(clock=clock)
    if at.date() == (now - timedelta(days=1)).date():
        return gettext("yesterday {clock}").format(clock=clock)
    return f"{format_date(at, 'd MMM' if at.year == now.year else 'd MMM y', locale=lang)} {clock}"


@register.filter
def clock(at_ms: int) -> str:
    """A moment of a known day, to the second."""
    return format_time(timezone.localtime(moment(at_ms)), "HH:mm:ss", locale=get_language() or "it")


@register.filter
def ago(at_ms: int, now_ms: int) -> str:
    """How long ago, in the largest unit that says enough."""
    if not at_ms:
        return gettext("never")
    seconds = max(0, now_ms - at_ms) // 1000
    if seconds < 60:
        return ngettext("{n} second ago", "{n} seconds ago", seconds).format(n=seconds)
    if seconds < 3600:
        return ngettext("{n} minute ago", "{n} minutes ago", seconds // 60).format(n=seconds // 60)
    if seconds < 172_800:
        return ngettext("{n} hour ago", "{n} hours ago", seconds // 3600).format(n=seconds // 3600)
    return ngettext("{n} day ago", "{n} days ago", seconds // 86400).format(n=seconds // 86400)


@register.filter
def lasting(milliseconds: int) -> str:
    """A duration: 340 ms, 2,1 s, 5 min."""
    if milliseconds < 1000:
        return f"{milliseconds} ms"
    if milliseconds < 120_000:
        return f"{number(round(Decimal(milliseconds) / 1000, 1))} s"
    return f"{number(milliseconds // 60_000)} min"


@register.simple_tag(takes_context=True)
def may(context: Context, role: str) -> bool:
    """Whether who reads the page has at least this role."""
    return access.may(context["request"], role)


@register.simple_tag(takes_context=True)
def here(context: Context, prefix: str) -> str:
    """Marks the menu entry of the page that is shown."""
    path = context["request"].path
    return "active" if path == prefix or (prefix != "/" and path.startswith(prefix)) else ""
