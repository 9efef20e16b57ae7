"""One channel dead, slow or refusing: what it does to the way from the ERP to the others. Runs with and without it in turn, each in
a process of its own: python -m tests.bench.bulkhead [SICKNESS] [small]
"""

from __future__ import annotations

import asyncio
import sys
from collections import defaultdict
from collections.abc import Mapping, Sequence
from statistics import mean, median

from nervo.api import serving
from nervo.errors import OutcomeUnknown, RateLimited, Unavailable
from nervo.ports.common import ItemOutcome
from nervo.ports.shop import Listing, StockWrite
from nervo.sync.worker import Worker
from tests.bench import changes, ports
from tests.bench.figures import Figure, percentile
from tests.bench.ground import hub_of, store

SHOPS, SKUS, CHANGES = 5, 5_000, 1_500
SILENCE_S, SLOW_S, ASKED_S = 2.0, 1.0, 1.0
SICKNESSES = ("dead", "slow", "throttled")
MOST, ROUNDS, LONGEST_S = 1.10, 3, 900.0


class SickShop(ports.BenchShop):
    """Well until `sick` says how it is not."""

    sick = ""

    async def put_stock(self, items: Sequence[StockWrite]) -> tuple[ItemOutcome, ...]:
        match self.sick:
            case "dead":
                await asyncio.sleep(SILENCE_S)
                raise OutcomeUnknown("put_stock", "no answer")
            case "slow":
                await asyncio.sleep(SLOW_S)
            case "throttled":
                raise RateLimited("put_stock", "429", retry_after_s=ASKED_S)
        return await super().put_stock(items)

    async def read_listings(self, items: Sequence[Mapping[str, str]]) -> tuple[Listing, ...]:
        match self.sick:
            case "dead":
                await asyncio.sleep(SILENCE_S)
                raise Unavailable("read_listings", "no answer")
            case "throttled":
                raise RateLimited("read_listings", "429", retry_after_s=ASKED_S)
        return await super().read_listings(items)


async def run(small: bool) -> list[Figure]:
    """Each run with a sick channel stands between two without one; the median of the rounds counts."""
    well, ratios = [await apart("", small)], defaultdict[str, list[float]](list)
    for sickness in SICKNESSES * (1 if small else ROUNDS):
        sick = await apart(sickness, small)
        well.append(await apart("", small))
        ratios[sickness].append(sick / mean(well[-2:]))
    return [
        *(Figure(f"the others' p99, one {s} ÷ all well", median(ratios[s]), "×", MOST) for s in SICKNESSES),
        Figure("the others' p99, all well", median(well), "ms"),
    ]


async def apart(sickness: str, small: bool) -> float:
    """One run, in a process of its own."""
    command = [sys.executable, "-m", "tests.bench.bulkhead", *filter(None, [sickness, "small" if small else ""])]
    process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    said, _ = await process.communicate()
    if process.returncode:
        raise RuntimeError(f"{' '.join(command)} failed")
    return float(said.splitlines()[-1])


async def others_p99_ms(sickness: str, small: bool) -> float:
    """An ERP change until its request at the four channels that are well, while the fifth is not."""
    skus, count = ports.names(100 if small else SKUS), 50 if small else CHANGES
    erp, sick = ports.BenchErp(skus), SickShop(skus)
    well = {f"shop{i}": ports.BenchShop(skus) for i in range(SHOPS - 1)}
    async with store() as db:
        worker = Worker(await hub_of(db, erp, {"sick": sick, **well}), {}, {})
        await worker.start()
        await changes.until(lambda: all(len(shop.arrived) == len(skus) for shop in (sick, *well.values())))
        for shop in well.values():
            shop.arrived.clear()
        sick.sick = sickness
        moved = await changes.move(erp, skus[:count])
        await changes.until(lambda: all(len(shop.arrived) >= count for shop in well.values()))
        await worker.stop()
    return percentile([(at - moved[sku]) * 1000 for shop in well.values() for at, sku, _ in shop.arrived], 0.99)


async def _printed(sickness: str, small: bool) -> None:
    print(await others_p99_ms(sickness, small))


if __name__ == "__main__":
    serving.leave_old_objects()
    serving.run(_printed(*[a for a in sys.argv[1:] if a != "small"] or [""], small="small" in sys.argv))
