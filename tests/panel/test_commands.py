"""What a person asks becomes rows; the page follows them to their end."""

from __future__ import annotations

import pytest

from nervo.store.models import Command, Lease, Problem
from tests.panel.conftest import Visit, commands
from tests.panel.seed import Seed

ASKED = [
    ("order.retry", {"order_id": "3"}, '{"order_id":3}'),
    ("order.approve", {"order_id": "4"}, '{"order_id":4}'),
    ("order.ignore", {"order_id": "3", "reason": " doppio "}, '{"order_id":3,"reason":"doppio"}'),
    (
        "order.correct",
        {"order_id": "3", "changes": '{"skus":{"l2":"FILO-500"},"fiscal":{"wants_invoice":true}}'},
        '{"order_id":3,"changes":{"skus":{"l2":"FILO-500"},"fiscal":{"wants_invoice":true}}}',
    ),
    ("problem.retry", {"problem_id": "1"}, '{"problem_id":1}'),
    ("problem.ignore", {"problem_id": "1", "reason": "so"}, '{"problem_id":1,"reason":"so"}'),
    (
        "publication.retry",
        {"channel": "negozio", "kind": "stock", "key": "A"},
        '{"channel":"negozio","kind":"stock","key":"A"}',
    ),
    ("sync.stock", {}, "{}"),
    ("sync.stock", {"sku": "FILO-500"}, '{"sku":"FILO-500"}'),
    ("sync.channel", {"channel": "negozio"}, '{"channel":"negozio"}'),
    ("connection.pause", {"name": "negozio"}, '{"name":"negozio"}'),
    ("connection.resume", {"name": "negozio"}, '{"name":"negozio"}'),
    ("connection.check", {"name": "negozio"}, '{"name":"negozio"}'),
]


@pytest.mark.parametrize(("kind", "form", "args"), ASKED)
def test_an_operator_asks(seed: Seed, visit: Visit, kind: str, form: dict[str, str], args: str) -> None:
    assert visit("operator").post(f"/do/{kind}/", form).status_code == 200
    assert commands() == [(kind, args)]
    assert Command.objects.get().actor.startswith("panel:operator-")


@pytest.mark.parametrize(
    ("kind", "form"),
    [
        ("order.retry", {}),
        ("order.retry", {"order_id": "1; DROP"}),
        ("order.ignore", {"order_id": "3", "reason": "  "}),
        ("order.ignore", {"order_id": "3", "reason": "x" * 501}),
        ("order.correct", {"order_id": "3", "changes": '{"total":{"gross":"1"}}'}),
        ("order.correct", {"order_id": "3", "changes": '{"billing":{"iban":"x"}}'}),
        ("order.correct", {"order_id": "3", "changes": '{"fiscal":{"wants_invoice":"maybe"}}'}),
        ("order.correct", {"order_id": "3", "changes": "{}"}),
        ("order.correct", {"order_id": "3", "changes": "not json"}),
        ("hub.explode", {"order_id": "3"}),
    ],
)
def test_what_cannot_be_asked_writes_nothing(seed: Seed, visit: Visit, kind: str, form: dict[str, str]) -> None:
    assert visit("owner").post(f"/do/{kind}/", form).status_code == 400
    assert commands() == []


def test_a_command_is_never_given_by_a_link(seed: Seed, visit: Visit) -> None:
    assert visit("owner").get("/do/order.retry/?order_id=1").status_code == 405


def test_many_problems_are_retried_at_once(seed: Seed, visit: Visit) -> None:
    ids = [str(p.pk) for p in Problem.objects.order_by("id")]
    page = visit("operator", "en").post("/do/problem.retry/", {"problem_id": ids}, headers={"HX-Request": "true"})
    assert [kind for kind, _ in commands()] == ["problem.retry"] * len(ids)
    assert f"0/{len(ids)}" in page.content.decode()


def test_everything_is_paused_at_once(seed: Seed, visit: Visit) -> None:
    visit("operator").post("/do/connection.pause/", {"name": "*"})
    assert [args for _, args in commands()] == ['{"name":"gestionale"}', '{"name":"negozio"}', '{"name":"outlet"}']


def test_the_page_follows_a_command_to_its_end(seed: Seed, visit: Visit) -> None:
    client = visit("operator")
    asked = client.post("/do/order.retry/", {"order_id": "3"}, headers={"HX-Request": "true"}).content.decode()
    number = Command.objects.get().pk
    assert "In coda" in asked and f'hx-get="/commands/{number}-{number}/"' in asked and "<html" not in asked
    Command.objects.update(state="failed", result="Il gestionale dice no")
    ended = client.get(f"/commands/{number}-{number}/", headers={"HX-Request": "true"})
    assert "Non riuscito" in ended.content.decode() and "Il gestionale dice no" in ended.content.decode()
    assert "hx-get" not in ended.content.decode(), "it asks no more"
    assert ended.headers["HX-Trigger-After-Settle"] == "nervo-changed", "the page behind shows what changed"


def test_somebody_elses_commands_are_not_told(seed: Seed, visit: Visit) -> None:
    visit("owner").post("/do/order.retry/", {"order_id": "3"})
    number = Command.objects.get().pk
    assert visit("operator").get(f"/commands/{number}-{number}/").status_code == 400


def test_it_says_when_no_worker_will_do_it_now(seed: Seed, visit: Visit) -> None:
    Lease.objects.update(expires_ms=0)
    page = visit("operator", "en").post("/do/order.retry/", {"order_id": "3"}).content.decode()
    assert "No worker is running" in page
