"""What the hub answers to a command, in the reader's language. Sentences that are not known here are shown as they came."""

import re

from django.utils.translation import gettext
from django.utils.translation import gettext_noop as _

from nervo.panel import causes

SENTENCES = (
    _("Order {number} goes on."),
    _("Order {number} is ignored."),
    _("Order {number} is still held: see its problem."),
    _("It is closed already."),
    _("Closed; it is tried again now and comes back if it is still there."),
    _("{count} to be published again."),
    _("Ignored: {reason}"),
    _("{count} released."),
    _("Nothing is held."),
    _("{key} is published again."),
    _("The ERP's stock is read: {count} SKUs differed."),
    _("{sku} is read again."),
    _("{channel} is read back: {drifted} differed; {marked} compared again."),
    _("{count} deliveries are read again."),
    _("{name} is paused: what changes meanwhile waits."),
    _("{name} goes on."),
    _("{name} answers. All checks passed."),
)
_ERROR = re.compile(r'(?P<doing>[^:]*)(?:: "(?P<said>.*)")? \((?P<code>[a-z_]+)\)(?:\. (?P<fix>.*))?', re.S)


def _pattern(sentence: str) -> re.Pattern[str]:
    return re.compile(re.sub(r"\\\{(\w+)\\\}", r"(?P<\1>.+?)", re.escape(sentence)), re.S)


_PATTERNS = [(sentence, _pattern(sentence)) for sentence in SENTENCES]


def told(text: str) -> str:
    """A command's result in the reader's language."""
    for sentence, pattern in _PATTERNS:
        if found := pattern.fullmatch(text):
            return gettext(sentence).format(**found.groupdict())
    error = _ERROR.fullmatch(text)
    if error and error["code"] in causes.CAUSES:
        said = f" “{error['said']}”" if error["said"] else ""
        return f"{causes.title(error['code'])}{said}. {causes.todo(error['code'])}"
    return text
