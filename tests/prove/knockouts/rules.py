"""The design rules, each with what takes it out of the product and the test that must then fail."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

Put = Callable[[Any, str, Any], None]


@dataclass(frozen=True, slots=True)
class KnockOut:
    """`out` replaces parts of the product through the given setter."""

    rule: str
    says: str
    without: str
    test: str
    out: Callable[[Put], None]


def acknowledged_before_durable(put: Put) -> None:
    from nervo.store.inbox import Intake

    durable = Intake.add

    async def add(self: Intake, row: Any) -> None:
        asyncio.ensure_future(durable(self, row)).add_done_callback(lambda done: done.exception())

    put(Intake, "add", add)


def no_sweep(put: Put) -> None:
    from nervo.sync import orders

    async def sweep(hub: Any, channel: Any) -> int:
        return 0

    put(orders, "sweep", sweep)


def need_not_written(put: Put) -> None:
    from nervo.store import flows

    put(flows, "want", lambda tx, flow, order_id, now_ms: None)


def value_kept_from_the_first_try(put: Put) -> None:
    from nervo.sync.publish import Publisher

    look, first = Publisher._look, dict[tuple[str, str], Any]()

    def kept(self: Publisher, tx: Any, size: int) -> Any:
        claims, wanted, linked, sending = look(self, tx, size)
        sending = [first.setdefault((self.channel.name, s.key), s) if s.claim.attempts else s for s in sending]
        first.update({(self.channel.name, s.key): s for s in sending})
        return claims, wanted, linked, sending

    put(Publisher, "_look", kept)


def last_reading_wins(put: Put) -> None:
    from nervo.store import facts

    known = facts.kept_stock
    put(facts, "kept_stock", lambda tx, figures: {k: (*row[:2], -1, -1) for k, row in known(tx, figures).items()})
    put(facts, "PUT_STOCK", facts.PUT_STOCK.partition(" WHERE ")[0])


def any_figure_ends_a_hold(put: Put) -> None:
    from nervo.store import facts

    def released(tx: Any, figures: Any, version: int) -> set[str]:
        skus = {f.sku for f in figures}
        tx.many(
            "UPDATE store_hold SET released_tick = %s WHERE released_tick IS NULL AND sku = %s",
            [(version, s) for s in skus],
        )
        return skus

    put(facts, "_released", released)


def flows_of_an_order_side_by_side(put: Put) -> None:
    from nervo.flows.engine import MemoryEngine

    numbers = itertools.count(1)

    def start(self: MemoryEngine, flow: str, document: int) -> None:
        number = next(numbers)

        async def alone() -> None:
            while await self._try(flow, document):
                await asyncio.sleep(0)
            self._tasks.pop(-number, None)

        self._tasks[-number] = asyncio.get_running_loop().create_task(alone())

    put(MemoryEngine, "start", start)


def a_new_key_each_time(put: Put) -> None:
    from nervo.flows import place_order

    numbers, draft = itertools.count(1), place_order.OrderDraft
    put(place_order, "OrderDraft", lambda key, *rest: draft(f"{key}-{next(numbers)}", *rest))


def unknown_is_tried_again(put: Put) -> None:
    from nervo.flows import place_order, writing

    async def nothing(hub: Any, kept: Any, key: Any) -> None:
        return None

    put(writing, "look_up", nothing)
    put(place_order, "look_up", nothing)


def every_key_is_unique(put: Put) -> None:
    from nervo.flows import writing
    from nervo.ports.erp import OrderKey

    decide = writing.after_look_up
    put(writing, "after_look_up", lambda found, **rest: decide(found, **rest | {"key": OrderKey.UNIQUE}))


def no_quarantine(put: Put) -> None:
    from nervo.store import publications

    mark = publications.set_state

    def set_state(tx: Any, channel: str, kind: str, keys: Any, state: str, **rest: Any) -> None:
        mark(tx, channel, kind, keys, "new" if state == "unknown" else state, **rest)

    put(publications, "set_state", set_state)


def nobody_asks_for_the_lease(put: Put) -> None:
    from nervo.sync import lease
    from nervo.sync.context import Hub

    put(Hub, "check_may_send", lambda self, connection: None)
    put(lease, "still_ours", lambda hub, tx: None)


def all_stock_is_as_urgent(put: Put) -> None:
    from nervo.store import publications

    mark = publications.mark_on

    def mark_on(tx: Any, channels: Any, kind: str, keys: Any, now_ms: int, *, priority: int = 5) -> None:
        mark(tx, channels, kind, keys, now_ms)

    put(publications, "mark_on", mark_on)


def no_buffer(put: Put) -> None:
    from nervo.sync import buffers

    put(buffers, "buffer", lambda mean, accepted: 0)


def they_may_wait_in_vain(put: Put) -> None:
    from nervo.kit.pacing import Bucket

    put(Bucket, "close_for", lambda self, seconds: None)


def everything_is_believed(put: Put) -> None:
    from nervo.sync.kinds import PriceKind, StockKind
    from nervo.sync.publish import Publisher

    for kind in (StockKind, PriceKind):
        put(kind, "refused", lambda self, item, channel, guards: "")
    put(Publisher, "_without_mass_zero", lambda self, tx, sending: sending)


def cents_may_differ(put: Put) -> None:
    from nervo.flows.place_order import PlaceOrder

    async def agree(self: PlaceOrder, kept: Any, written: Any) -> bool:
        return True

    put(PlaceOrder, "_totals_agree", agree)


def chance_is_not_passed_in(put: Put) -> None:
    from random import SystemRandom

    from tests.prove.sim.process import Process

    async def moment(self: Process) -> None:
        await asyncio.sleep(SystemRandom().random() * self._moment_s)
        await self.gate()

    put(Process, "moment", moment)


RULES = (
    KnockOut("R1", "durable before it is acknowledged", "acknowledged while it is being stored",
             "tests/api/test_ingest.py::test_a_store_that_cannot_take_it_is_never_a_success", acknowledged_before_durable),
    KnockOut("R2", "webhooks are hints, sweeps find what they missed", "no sweep",
             "tests/sync/test_sweep.py::test_an_order_that_no_webhook_told_of_is_found_by_the_sweep_and_counted", no_sweep),
    KnockOut("R3", "what an order needs is written with what makes it needed", "the need is only in memory",
             "tests/flows/test_restart.py::test_an_order_cut_off_goes_on_in_the_next_process", need_not_written),
    KnockOut("R4", "a state queue holds keys, the newest value is read as it is sent", "the first value is kept and sent again",
             "tests/sync/test_stock.py::test_after_an_outage_the_latest_value_is_sent_and_no_old_one", value_kept_from_the_first_try),
    KnockOut("R5", "an older version never replaces a newer one", "the last reading to arrive wins",
             "tests/store/test_facts.py::test_an_older_reading_replaces_nothing_even_where_the_newer_one_changed_nothing",
             last_reading_wins),
    KnockOut("R6", "a hold ends with a figure that contains the order", "it ends with any figure",
             "tests/store/test_facts.py::test_a_figure_releases_the_holds_that_it_contains_and_no_other", any_figure_ends_a_hold),
    KnockOut("R7", "what concerns one order goes one after the other", "side by side",
             "tests/flows/test_engine.py::test_flows_of_one_document_follow_each_other_and_other_documents_do_not_wait",
             flows_of_an_order_side_by_side),
    KnockOut("R8", "the key of an order is the same for ever", "another key at each try",
             "tests/flows/test_orders.py::test_a_lost_reply_from_the_erp_makes_no_second_order", a_new_key_each_time),
    KnockOut("R9", "an unknown outcome is looked up before it is repeated", "repeated without a look",
             "tests/flows/test_orders.py::test_an_erp_that_would_take_a_second_order_never_gets_one", unknown_is_tried_again),
    KnockOut("R10", "how an ERP knows an order's key decides how it is written", "every ERP is taken for one that refuses a second",
             "tests/flows/test_steps.py::test_a_write_that_lands_after_it_was_given_up_makes_no_second_order", every_key_is_unique),
    KnockOut("R11", "what may have been shown is read back", "sent again at once",
             "tests/sync/test_stock.py::test_an_unknown_outcome_is_read_back_before_anything_is_sent_again", no_quarantine),
    KnockOut("R12", "one holder of the lease acts, each effect carries its epoch", "nobody asks whose turn it is",
             "tests/sync/test_two_hubs.py::test_a_stale_hub_notes_nothing_over_its_successors_knowledge", nobody_asks_for_the_lease),
    KnockOut("R13", "what runs out goes first", "all stock is as urgent",
             "tests/faults/test_publishing_storm.py::test_in_a_storm_of_429_they_are_asked_once_in_the_time_they_named_and_then_what_runs_out_goes_first",
             all_stock_is_as_urgent),
    KnockOut("R14", "the last units are kept from slow channels", "no buffer",
             "tests/sync/test_buffers.py::test_the_slow_channel_closes_early_and_the_quick_one_sells_the_last_units", no_buffer),
    KnockOut("R15", "nobody is asked sooner than they said", "asked at once again",
             "tests/faults/test_publishing_storm.py::test_in_a_storm_of_429_they_are_asked_once_in_the_time_they_named_and_then_what_runs_out_goes_first",
             they_may_wait_in_vain),
    KnockOut("R16", "what is beyond belief asks a person", "everything is believed",
             "tests/sync/test_stock.py::test_an_empty_export_does_not_empty_the_shop", everything_is_believed),
    KnockOut("R17", "totals agree to the cent or the order is held", "they may differ",
             "tests/faults/test_orders.py::test_an_order_that_the_erp_prices_otherwise_is_held_as_a_draft_until_a_person_accepts_it",
             cents_may_differ),
    KnockOut("R19", "time, chance and network are passed in", "chance comes from the machine",
             "tests/prove/sim/test_histories.py::test_the_same_seed_is_the_same_history", chance_is_not_passed_in),
)  # fmt: skip
