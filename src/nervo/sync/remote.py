"""The only caller of connectors: capability and mode, time-out, one retry policy with a budget, a breaker, one record of every call."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from functools import partial
from typing import Any, TypeVar

from nervo.errors import (
    AuthFailed,
    Conflict,
    MachineError,
    Misunderstood,
    NervoError,
    OperatorError,
    OutcomeUnknown,
    RateLimited,
    Unavailable,
    Unsupported,
)
from nervo.kit.clock import Clock
from nervo.kit.crashpoint import crashpoint
from nervo.kit.http import Exchange
from nervo.kit.pacing import BULK, NORMAL, URGENT, Breaker, Budget, Chance, Longest, may_leave, urgency
from nervo.kit.rows import UNREADABLE
from nervo.sync.fence import LostLease, Paused

T = TypeVar("T")
LONGEST = Longest()
order_in_hand: ContextVar[int] = ContextVar("order_in_hand", default=0)
WRITES = frozenset(
    "put_stock put_prices put_product fulfil cancel_order subscribe create_customer create_order confirm_order record_payment".split()
)
ATTEMPTS = 3
LONGEST_REST_S = 5.0
LONG_WAITS = frozenset({"doorbell"})  # never the probe of a side that was down: its silence tells nothing
# Where a connection's pace makes calls wait, stock and new orders go before the rest, catalogues after it.
URGENCY = dict.fromkeys(("put_stock", "read_listings", "order", "stock_of", "changed_stock"), URGENT) | dict.fromkeys(
    ("put_product", "find_listings", "listings", "products", "stock_snapshot"), BULK
)


class Remote:
    """One connection, called through its port. `port` is the connector; `writable` False refuses every write before it leaves;
    `may_write` is asked right before each and raises where it may not. `refused`: they refused our credentials; no call is made
    until a check has passed again. Who does not answer rests: calls are refused for a while as if they had gone unanswered."""

    def __init__(
        self,
        name: str,
        port: Any,
        clock: Clock,
        *,
        writable: bool,
        timeout_s: float = 60.0,
        chance: Chance = LONGEST,
    ) -> None:
        self.name, self.port, self.clock, self.writable, self.timeout_s = name, port, clock, writable, timeout_s
        self.chance, self.budget, self.breaker = chance, Budget(clock), Breaker(clock, chance)
        self.kept: deque[tuple[str, int, str, Exchange]] = deque(maxlen=20_000)
        self.operation: ContextVar[str] = ContextVar("operation", default="")
        self.last_error: NervoError | None = None
        self.calls = 0
        self.answers: dict[str, tuple[float, float]] = {}  # operation → when its last answer came, and how long it took
        self.refused: AuthFailed | None = None
        self.may_write: Callable[[str], None] = lambda name: None

    def keep(self, exchange: Exchange) -> None:
        """Given to the connector's HTTP, so that every exchange is kept under the operation and order it belongs to."""
        self.kept.append((self.name, order_in_hand.get(), self.operation.get(), exchange))

    async def call(self, operation: str, *args: Any, attempts: int = ATTEMPTS) -> Any:
        """Calls the port. Reads and refusals without effect are tried again by the one policy; an unknown outcome never is."""
        if operation in WRITES and not self.writable:
            raise Unsupported(
                f"{operation} on {self.name}",
                code="read_only",
                fix="Switch the connection to write when you are ready.",
            )
        if self.refused and operation != "check":
            said = self.refused.said
            raise AuthFailed(
                f"{operation} on {self.name}", said, fix="Correct the credentials; it is tried every minute."
            )
        self.operation.set(operation)
        may_leave.set(partial(self.may_write, self.name) if operation in WRITES else None)
        urgency.set(URGENCY.get(operation, NORMAL))
        method: Callable[..., Awaitable[Any]] = getattr(self.port, operation)
        self.budget.called()
        for attempt in range(1, attempts + 1):
            asked = self.clock.monotonic()
            try:
                result = await self._unless_resting(operation, method, args)
            except (Unavailable, RateLimited) as error:
                if attempt == attempts or self.breaker.refuses or not self.budget.repeat():
                    raise
                await self.clock.sleep(self._pause_s(error, attempt))
            else:
                self.last_error = None
                self.refused = None if operation == "check" else self.refused
                self.calls += 1
                now = self.clock.monotonic()
                self.answers[operation] = now, now - asked
                return result
        raise AssertionError("unreachable")

    async def spared(self, *operations: str, rest: float) -> None:
        """Waits until `rest` times as long have passed since the last answers to these as they took, LONGEST_REST_S at most."""
        answers = [self.answers[operation] for operation in operations if operation in self.answers]
        wait_s = (
            max((ended + min(LONGEST_REST_S, rest * took_s) for ended, took_s in answers), default=0.0)
            - self.clock.monotonic()
        )
        if wait_s > 0:
            await self.clock.sleep(wait_s)

    async def _unless_resting(self, operation: str, method: Callable[..., Awaitable[T]], args: tuple[Any, ...]) -> T:
        """One call, if the breaker admits it, and what the breaker learns from it. A check is always made."""
        if operation != "check" and not self.breaker.admits(probe=operation not in LONG_WAITS):
            raise self._refusal(operation)
        try:
            result = await self._once(operation, method, args)
        except Unavailable as error:
            error.side = self.name
            self.breaker.unanswered()
            raise
        except (OperatorError, RateLimited, Conflict, Misunderstood):
            self.breaker.answered()
            raise
        except BaseException:
            self.breaker.undecided()
            raise
        self.breaker.answered()
        return result

    def _refusal(self, operation: str) -> Unavailable:
        said = getattr(self.last_error, "said", "") or "it did not answer"
        error = Unavailable(f"{operation} on {self.name}", said, fix="It is tried again by itself.")
        error.side = self.name
        return error

    def _pause_s(self, error: MachineError, attempt: int) -> float:
        """Full jitter, after what they asked for."""
        asked = min(error.retry_after_s or 0.0, 30.0) if isinstance(error, RateLimited) else 0.0
        return asked + self.chance.uniform(0.0, 0.2 * 2.0**attempt)

    async def _once(self, operation: str, method: Callable[..., Awaitable[T]], args: tuple[Any, ...]) -> T:
        try:
            if operation in WRITES:
                self.may_write(self.name)
            crashpoint("call", operation)
            async with asyncio.timeout(self.timeout_s):
                result = await method(*args)
            crashpoint("called", operation)
            return result
        except TimeoutError as error:
            kind = OutcomeUnknown if operation in WRITES else Unavailable
            failure = kind(f"{operation} on {self.name}", f"no answer in {self.timeout_s:.0f} s")
            self.last_error = failure
            raise failure from error
        except (LostLease, Paused):
            raise
        except NervoError as error:
            self.last_error = error
            if isinstance(error, AuthFailed):
                self.refused = error
            raise
        except UNREADABLE as error:
            failure_ = Misunderstood(f"{operation} on {self.name}", f"{type(error).__name__}: {error}")
            self.last_error = failure_
            raise failure_ from error


def state_of(error: NervoError | None) -> str:
    """A connection's state after a call: ok, auth_failed, unavailable."""
    if error is None:
        return "ok"
    return (
        "auth_failed" if isinstance(error, AuthFailed) else "unavailable" if isinstance(error, MachineError) else "ok"
    )
