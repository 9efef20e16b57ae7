"""Slows down whoever guesses passwords: after some failures each further try has to wait longer."""

from dataclasses import dataclass

from django.core.cache import cache

FORGET_S = 3600
LONGEST_S = 900


@dataclass(frozen=True, slots=True)
class Gate:
    """So many failures are free under this key; then 2, 4, 8, … seconds."""

    key: str
    free: int

    def wait_s(self, now: float) -> int:
        """Seconds until the next try is looked at; 0: now."""
        failures, last = cache.get(self.key, (0, 0.0))
        over = failures - self.free
        return max(0, round(last + min(LONGEST_S, 2 ** min(over + 1, 10)) - now)) if over >= 0 else 0

    def failed(self, now: float) -> None:
        cache.set(self.key, (cache.get(self.key, (0, 0.0))[0] + 1, now), FORGET_S)

    def passed(self) -> None:
        cache.delete(self.key)


def gates(user: str, address: str) -> tuple[Gate, ...]:
    """One gate for this user at this address, a wider one for the address, the widest for the user from anywhere."""
    name = user.strip().lower().encode().hex()[:200]
    return Gate(f"login:{name}:{address}", 5), Gate(f"login::{address}", 20), Gate(f"login:{name}:", 50)
