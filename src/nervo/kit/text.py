"""Text as others send it, in UTF-8: by its byte-order mark, else as declared. Half a character and NUL become U+FFFD."""

import codecs
import re

MARKS = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF32_LE: "utf-32",  # before UTF-16, whose mark it begins with
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
GARBLED = "\N{REPLACEMENT CHARACTER}"
_CHARSET = re.compile(r'charset="?([\w.:-]+)', re.IGNORECASE)
_TEXTS = ("json", "text/", "xml", "javascript")
_PAIR = rb"u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}"
_HALF = rb"u(?:0000|[dD][89a-fA-F][0-9a-fA-F]{2})"
_SUSPECT = re.compile(rb"\\u(?:0000|[dD][89a-fA-F])")
_ESCAPES = re.compile(rb"\\(?:" + _PAIR + rb"|(" + _HALF + rb")|.)", re.DOTALL)


def as_utf8(body: bytes, content_type: str = "") -> bytes:
    """A text body in UTF-8. What is no text, or not in the encoding that it says, comes back as it is: its reader refuses it."""
    if content_type and not any(text in content_type.lower() for text in _TEXTS):
        return body
    declared = _CHARSET.search(content_type)
    encoding = next(
        (name for mark, name in MARKS.items() if body.startswith(mark)), declared[1] if declared else "utf-8"
    )
    if encoding.lower() not in ("utf-8", "utf8"):
        try:
            body = body.decode(encoding).encode()
        except (LookupError, UnicodeError):
            return body
    return _ESCAPES.sub(_whole, body) if _SUSPECT.search(body) else body


def _whole(escape: re.Match[bytes]) -> bytes:
    return rb"\ufffd" if escape[1] else escape[0]
