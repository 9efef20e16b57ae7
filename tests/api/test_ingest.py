"""The way in: what is answered, and what is kept."""

from __future__ import annotations

import asyncio
import base64

import pytest

from nervo.api.ingest import MAX_BODY_BYTES, Door, Ingest
from nervo.errors import Forged
from nervo.kit.clock import ManualClock
from nervo.kit.signatures import hmac_sha256, matches_base64
from nervo.ports.shop import Delivery, WebhookRequest
from nervo.store.database import Database

SECRET = "s3cret-of-the-shop"
BODY = b'{"id": 1042, "name": "Citt\xc3\xa0 d\'Oro"}'


def verify(request: WebhookRequest) -> Delivery:
    if not matches_base64(request.headers.get("x-hmac", ""), request.body, [SECRET]):
        raise Forged("checking a signature")
    return Delivery(request.headers.get("x-topic", "orders"), request.headers.get("x-event", ""))


class Caller:
    """Calls the ASGI application as a server would."""

    def __init__(self, db: Database) -> None:
        self.db, self.rung = db, []
        self.app = Ingest(db, {"shop": Door("shop", verify)}, ManualClock(), self.rung.append)

    async def post(
        self,
        body: bytes = BODY,
        path: str = "/hooks/shop",
        method: str = "POST",
        signed: bytes | None = None,
        **headers: str,
    ) -> int:
        given = {
            "x_hmac": base64.b64encode(hmac_sha256(SECRET, body if signed is None else signed)).decode(),
            **headers,
        }
        pairs = [(k.replace("_", "-").encode(), v.encode()) for k, v in given.items() if v]
        pieces = [body[i : i + 65_536] for i in range(0, len(body), 65_536)] or [b""]
        self.taken = 0
        answers: list[dict] = []

        async def receive() -> dict:
            self.taken += 1
            return {"type": "http.request", "body": pieces.pop(0), "more_body": bool(pieces)}

        async def send(message: dict) -> None:
            answers.append(message)

        await self.app({"type": "http", "method": method, "path": path, "headers": pairs}, receive, send)
        return answers[0]["status"]

    def kept(self) -> list[tuple]:
        return self.db.read_now(
            lambda tx: tx.rows("SELECT connection, topic, event_key, body, headers FROM store_inbox ORDER BY id")
        )


@pytest.fixture
def caller(store):
    db = Database()
    yield Caller(db)
    db.close()


async def test_a_signed_delivery_is_kept_as_it_came_and_wakes_the_worker(caller):
    assert await caller.post(x_event="e1") == 200
    ((connection, topic, event, body, headers),) = caller.kept()
    assert (connection, topic, event, bytes(body)) == ("shop", "orders", "e1", BODY)
    assert "x-hmac" not in headers and "x-event" in headers
    assert caller.rung == ["inbox"]


@pytest.mark.fault(1)
async def test_the_same_event_twice_is_kept_once_and_answered_alike(caller):
    assert [await caller.post(x_event="e1"), await caller.post(x_event="e1")] == [200, 200]
    assert len(caller.kept()) == 1


@pytest.mark.fault(2)
async def test_the_same_body_under_another_event_id_is_kept_once(caller):
    assert [await caller.post(x_event="e1"), await caller.post(x_event="e2")] == [200, 200]
    assert len(caller.kept()) == 1


@pytest.mark.fault(3)
async def test_two_at_the_same_moment_are_kept_once(caller):
    assert await asyncio.gather(*(caller.post(x_event="e1") for _ in range(20))) == [200] * 20
    assert len(caller.kept()) == 1


@pytest.mark.fault(11, 16, 17)
@pytest.mark.parametrize(
    ("call", "status"),
    [
        ({"signed": b"another body"}, 401),
        ({"x_hmac": ""}, 401),
        ({"body": BODY[:-1] + b" ", "signed": BODY}, 401),
        ({"path": "/hooks/nobody"}, 404),
        ({"path": "/hooks/shop/../erp"}, 404),
        ({"method": "GET"}, 405),
        ({"content_encoding": "gzip"}, 415),
        ({"body": b"[" * 10_000}, 400),
        ({"body": b"x" * (MAX_BODY_BYTES + 1)}, 413),
    ],
    ids=["forged", "unsigned", "one byte changed", "wrong shop", "path tricks", "GET", "gzip", "deep", "large"],
)
async def test_what_cannot_be_taken_is_refused_and_not_kept(caller, call, status):
    assert await caller.post(**call) == status
    assert caller.kept() == [] and caller.rung == []


@pytest.mark.fault(16)
async def test_a_body_that_says_it_is_too_large_is_refused_unread(caller):
    assert await caller.post(content_length="52428800") == 413
    assert caller.taken == 0


async def test_a_stream_that_is_too_large_is_cut_off_after_the_cap(caller):
    assert await caller.post(body=b"x" * 50 * 1024 * 1024) == 413
    assert caller.taken <= MAX_BODY_BYTES // 65_536 + 1


@pytest.mark.fault(19)
@pytest.mark.parametrize(
    "body",
    ["{}".encode("utf-16"), b"\xef\xbb\xbf{}", b'{"a":"\\u0000"}', b"caff\xe8", b"webhook_id=7", b""],
    ids=["UTF-16", "BOM", "NUL", "latin-1", "form", "empty"],
)
async def test_a_signed_body_of_any_encoding_is_kept_byte_for_byte(caller, body):
    assert await caller.post(body=body) == 200
    assert bytes(caller.kept()[0][3]) == body


async def test_a_store_that_cannot_take_it_is_never_a_success(caller):
    caller.db.close()
    assert await caller.post() == 503


async def test_a_sender_that_hangs_up_leaves_nothing(caller):
    async def receive() -> dict:
        return {"type": "http.disconnect"}

    sent: list[dict] = []

    async def send(message: dict) -> None:
        sent.append(message)

    await caller.app({"type": "http", "method": "POST", "path": "/hooks/shop", "headers": []}, receive, send)
    assert sent[0]["status"] == 400 and caller.kept() == []
