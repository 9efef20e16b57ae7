"""Which toxics an edge may show, and a plan of them drawn from a seed."""

from __future__ import annotations

from dataclasses import dataclass, field
from random import Random

from tests.prove.network.ground import HOOKS, LATE_S
from tests.prove.network.toxics import Jolt, Kind, Toxic

# How each kind is shown; several where it has several faces.
FACES: dict[Kind, tuple[Toxic, ...]] = {
    Kind.LATENCY: (Toxic(Kind.LATENCY, seconds=0.1, jitter_s=0.3),),
    Kind.BANDWIDTH: (Toxic(Kind.BANDWIDTH, size=100_000),),
    Kind.SLICER: (Toxic(Kind.SLICER, size=61),),
    Kind.SLOW_CLOSE: (Toxic(Kind.SLOW_CLOSE, seconds=0.2),),
    Kind.STALL: (Toxic(Kind.STALL),),
    Kind.RESET: (Toxic(Kind.RESET),),
    Kind.CLOSE_KEPT: (Toxic(Kind.CLOSE_KEPT),),
    Kind.STORM: tuple(Toxic(Kind.STORM, status=status) for status in (502, 503, 504)),
    Kind.THROTTLE: tuple(Toxic(Kind.THROTTLE, retry_after=asked) for asked in ("", "1", "date")),
    Kind.REDIRECT: (Toxic(Kind.REDIRECT),),
    Kind.NO_ANSWER: (Toxic(Kind.NO_ANSWER),),
    Kind.RESET_AFTER: (Toxic(Kind.RESET_AFTER),),
    Kind.LOST_REPLY: (Toxic(Kind.LOST_REPLY),),
    Kind.GATEWAY: tuple(Toxic(Kind.GATEWAY, status=status) for status in (502, 503, 504)),
    Kind.TRUNCATE: (Toxic(Kind.TRUNCATE),),
    Kind.CUT_CHUNKED: (Toxic(Kind.CUT_CHUNKED),),
    Kind.GARBAGE: (Toxic(Kind.GARBAGE),),
    Kind.LATE: tuple(Toxic(Kind.LATE, seconds=LATE_S, status=status) for status in (0, 503, 504)),
    Kind.DUPLICATE: (Toxic(Kind.DUPLICATE),),
    Kind.STALE: (Toxic(Kind.STALE),),
}
EDGES = ("erp", "woocommerce", "shopify", HOOKS)
DATABASE = "database"
OUTAGE_SHARE = 0.25


def kinds(edge: str) -> list[Kind]:
    """What an edge may show: a webhook has no answer that could be old."""
    return [kind for kind in Kind if not (edge == HOOKS and kind is Kind.STALE)]


def face(chance: Random, kind: Kind, share: float) -> Toxic:
    shown = chance.choice(FACES[kind])
    return Toxic(
        kind, share=share, seconds=shown.seconds, jitter_s=shown.jitter_s, size=shown.size, status=shown.status,
        retry_after=shown.retry_after,
    )  # fmt: skip


def drawn(chance: Random, edge: str) -> list[Toxic]:
    """The toxics of a moment: four kinds here and there, or now and then one for every request."""
    if chance.random() < OUTAGE_SHARE:
        return [face(chance, chance.choice(kinds(edge)), 1.0)]
    return [face(chance, kind, chance.uniform(0.05, 0.2)) for kind in chance.sample(kinds(edge), 4)]


@dataclass(frozen=True, slots=True)
class Moment:
    """Toxics by edge, and what the database's line suffers."""

    toxics: dict[str, list[Toxic]]
    jolt: Jolt = field(default_factory=Jolt)


def moments(chance: Random, seconds: float, *, database: bool, moment_s: float) -> list[Moment]:
    """Every edge alone for its turn, the database's where there is one, then all together."""
    turns = [(edge,) for edge in EDGES] + ([(DATABASE,)] if database else [])
    turns.append((*EDGES, DATABASE) if database else EDGES)
    each = max(1, round(seconds / moment_s / len(turns)))
    return [_moment(chance, turn, moment_s) for turn in turns for _ in range(each)]


def _moment(chance: Random, turn: tuple[str, ...], moment_s: float) -> Moment:
    toxics = {edge: drawn(chance, edge) for edge in turn if edge != DATABASE}
    return Moment(toxics, jolt(chance, moment_s) if DATABASE in turn else Jolt())


def jolt(chance: Random, moment_s: float) -> Jolt:
    """Now and then a stall that outlasts the moment."""
    match chance.randrange(3):
        case 0:
            return Jolt(delay_s=chance.uniform(0.001, 0.01))
        case 1:
            return Jolt(cuts=chance.randint(1, 4))
    return Jolt(stall_s=chance.uniform(0.2, 2.5) * moment_s)
