"""The error tree: who acts on it.

NervoError
├── MachineError    the hub retries            Unavailable · RateLimited · Conflict · OutcomeUnknown (look up first)
├── OperatorError   a person decides           AuthFailed · Rejected · NotFound · Unsupported · BadInput
└── DeveloperError  a developer mends          Misunderstood
"""


class NervoError(Exception):
    """Doing what, with what, what they said, what next: kept as a code and values, so that it shows in Italian and English.

    `doing` what was tried; `said` the other side's own words; `code` a stable reason code for grouping and translation;
    `values` what the words need (order, sku, field, …). Never holds a secret.
    """

    code = "error"

    def __init__(self, doing: str, said: str = "", *, code: str | None = None, fix: str = "", **values: object) -> None:
        self.doing, self.said, self.fix = doing, said, fix
        self.code = code or type(self).code
        self.values = values
        super().__init__(doing, said, code, fix)

    def __str__(self) -> str:
        parts = [self.doing] + ([f'"{self.said}"'] if self.said else [])
        text = ": ".join(parts) + f" ({self.code})"
        return f"{text}. {self.fix}" if self.fix else text


class MachineError(NervoError):
    """The hub tries again by itself."""


class Unavailable(MachineError):
    """It could not be reached or is down; nothing took effect. `side` is the connection that did not answer, where one was called."""

    code = "unavailable"
    side = ""


class RateLimited(MachineError):
    """Too many calls; nothing took effect. `retry_after_s` is what they asked for, or None."""

    code = "rate_limited"

    def __init__(self, doing: str, said: str = "", *, retry_after_s: float | None = None, **rest: object) -> None:
        super().__init__(doing, said, retry_after_s=retry_after_s, **rest)  # type: ignore[arg-type]
        self.retry_after_s = retry_after_s


class Conflict(MachineError):
    """Somebody else changed it meanwhile; nothing took effect. Read again, then decide."""

    code = "conflict"


class OutcomeUnknown(MachineError):
    """It was sent and no answer came: it may or may not have taken effect, now or a little later. Never repeat blindly."""

    code = "outcome_unknown"


class OperatorError(NervoError):
    """A person has to decide."""


class AuthFailed(OperatorError):
    """Credentials refused: pause the connection."""

    code = "auth_failed"


class Rejected(OperatorError):
    """They understood and said no."""

    code = "rejected"


class NotFound(OperatorError):
    """They do not have it."""

    code = "not_found"


class Unsupported(OperatorError):
    """It cannot be expressed there. Raised before any call."""

    code = "unsupported"


class BadInput(OperatorError):
    """What came in cannot be used as it is (a webhook, a file, a setting); it is kept, and the message says what to mend."""

    code = "bad_input"


class Forged(BadInput):
    """A webhook whose signature does not fit."""

    code = "forged"


class DeveloperError(NervoError):
    """Code has to change."""


class Misunderstood(DeveloperError):
    """Their answer does not read as their contract says. Of a write: it may have taken effect."""

    code = "misunderstood"


# After these the hub tries again by itself. An answer that nobody could read is shown to a developer meanwhile: it may be a new
# contract, or the page of a gateway that stood between for a minute.
TRIED_AGAIN = (MachineError, AuthFailed, Misunderstood)
