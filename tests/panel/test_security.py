"""Headers, cookies, login, roles, the first start."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.test import Client

from nervo.panel import access, asgi, throttle
from nervo.panel.commands import KINDS
from tests.panel.conftest import Visit, commands
from tests.panel.seed import Seed

PASSWORD = "correct horse battery"


def test_every_answer_lets_the_browser_run_only_our_files(seed: Seed, visit: Visit) -> None:
    client = visit("owner")
    for page in ("/", "/login/", "/nowhere/", "/orders/1/"):
        headers = client.get(page).headers
        assert "script-src 'self';" in headers["Content-Security-Policy"], page
        assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
        assert "unsafe" not in headers["Content-Security-Policy"]
        assert headers["Cache-Control"] == "no-store"
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Referrer-Policy"] == "same-origin"


def test_no_page_has_inline_scripts_or_styles(seed: Seed, visit: Visit) -> None:
    client = visit("owner")
    for page in (
        "/",
        "/orders/3/",
        "/orders/3/correct/",
        "/stock/of/MAGLIA-BLU-M/",
        "/problems/unknown_sku/negozio/",
        "/users/",
    ):
        html = client.get(page).content.decode()
        assert " style=" not in html and "<style" not in html, page
        assert "onclick" not in html and "<script>" not in html and "hx-on" not in html, page


def test_cookies_are_for_us_alone_and_secure_over_https(db: object, visit: Visit) -> None:
    access.create_user("anna", PASSWORD, "operator")
    plain, secure = visit(), visit()
    for client, https in ((plain, False), (secure, True)):
        answer = client.post("/login/", {"user": "anna", "password": PASSWORD}, secure=https)
        cookie = answer.cookies["nervo_session"]
        assert (cookie["httponly"], cookie["samesite"], bool(cookie["secure"])) == (True, "Lax", https)


def test_a_form_without_its_token_is_refused(seed: Seed, visit: Visit) -> None:
    client = visit("owner", enforce_csrf_checks=True)
    assert client.post("/do/order.retry/", {"order_id": "1"}).status_code == 403
    assert commands() == []


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_a_viewer_commands_nothing(seed: Seed, visit: Visit, kind: str) -> None:
    assert (
        visit("viewer").post(f"/do/{kind}/", {"order_id": "1", "problem_id": "1", "name": "negozio"}).status_code == 403
    )
    assert commands() == []


def test_only_an_owner_approves_a_guard(seed: Seed, visit: Visit) -> None:
    wanted = {"channel": "negozio", "kind": "stock"}
    assert visit("operator").post("/do/guard.approve/", wanted).status_code == 403
    assert visit("owner").post("/do/guard.approve/", wanted).status_code == 200
    assert commands() == [("guard.approve", '{"channel":"negozio","kind":"stock"}')]


@pytest.mark.parametrize("role", ["viewer", "operator"])
def test_only_an_owner_makes_users(seed: Seed, visit: Visit, role: str) -> None:
    client = visit(role)
    assert client.post("/users/", {"user": "x", "password": PASSWORD, "role": "owner"}).status_code == 403
    assert client.post("/users/1/", {"role": "owner"}).status_code == 403
    assert not get_user_model().objects.filter(username="x").exists()


def test_an_owner_adds_changes_and_shuts_out(db: object, visit: Visit) -> None:
    client = visit("owner")
    assert client.post("/users/", {"user": "bea", "password": "short", "role": "viewer"}).status_code == 400
    assert client.post("/users/", {"user": "bea", "password": PASSWORD, "role": "viewer"}).status_code == 302
    bea = get_user_model().objects.get(username="bea")
    hers = Client()
    hers.force_login(bea)
    client.post(f"/users/{bea.pk}/", {"role": "operator"})
    assert access.role_of(bea) == "operator"
    client.post(f"/users/{bea.pk}/", {"active": "no"})
    assert hers.get("/").status_code == 302, "her session has ended"


def test_an_owner_cannot_shut_themselves_out(db: object, visit: Visit) -> None:
    client = visit("owner")
    me = get_user_model().objects.get()
    assert client.post(f"/users/{me.pk}/", {"role": "viewer"}).status_code == 400
    assert access.role_of(me) == "owner"


def test_a_user_without_a_role_may_only_look(seed: Seed, visit: Visit) -> None:
    client = Client()
    client.force_login(get_user_model().objects.create_user("nobody", password=PASSWORD))
    assert client.get("/").status_code == 200
    assert client.post("/do/order.retry/", {"order_id": "1"}).status_code == 403


def test_the_first_link_makes_one_owner_and_is_over(db: object, visit: Visit) -> None:
    token, client = access.first_token(), visit()
    form = {"user": "titolare", "password": PASSWORD, "again": PASSWORD}
    assert client.get("/first/" + "0" * 40 + "/").status_code == 410
    assert client.post(f"/first/{token}/", {**form, "again": "another one here"}).status_code == 400
    assert client.post(f"/first/{token}/", {**form, "password": "short", "again": "short"}).status_code == 400
    assert client.post(f"/first/{token}/", form).status_code == 302
    assert access.role_of(get_user_model().objects.get()) == "owner"
    assert client.get("/").status_code == 200, "and is in"
    assert access.first_token() == ""
    assert visit().post(f"/first/{token}/", {**form, "user": "intruso"}).status_code == 410
    assert get_user_model().objects.count() == 1


def test_login_goes_where_one_wanted_but_never_to_another_site(db: object, visit: Visit) -> None:
    access.create_user("anna", PASSWORD, "operator")
    form = {"user": "anna", "password": PASSWORD}
    assert visit().post("/login/", {**form, "next": "/orders/?view=late"}).headers["Location"] == "/orders/?view=late"
    assert visit().post("/login/", {**form, "next": "https://evil.example/"}).headers["Location"] == "/"
    assert visit().post("/login/", {**form, "next": "//evil.example/"}).headers["Location"] == "/"


def test_guessing_gets_slower_even_with_the_right_password(db: object, visit: Visit) -> None:
    access.create_user("anna", PASSWORD, "operator")
    client = visit(language="en")
    for _ in range(5):
        assert "is wrong" in client.post("/login/", {"user": "anna", "password": "no"}).content.decode()
    refused = client.post("/login/", {"user": "anna", "password": PASSWORD})
    assert (refused.status_code, "Too many tries" in refused.content.decode()) == (400, True)
    elsewhere = visit(REMOTE_ADDR="192.0.2.7").post("/login/", {"user": "anna", "password": PASSWORD})
    assert elsewhere.status_code == 302, "somebody else's guesses do not lock her out"


def test_the_wait_doubles_with_each_failure() -> None:
    gate = throttle.Gate("test:gate", 2)
    gate.passed()
    waits = []
    for _ in range(5):
        gate.failed(1000.0)
        waits.append(gate.wait_s(1000.0))
    assert waits == [0, 2, 4, 8, 16]
    assert gate.wait_s(1016.0) == 0
    gate.passed()


def test_a_password_change_needs_the_present_one(db: object) -> None:
    client = Client()
    client.force_login(access.create_user("anna", PASSWORD, "viewer"))
    new = {"password": "another long password", "again": "another long password"}
    assert client.post("/account/", {"old": "wrong", **new}).status_code == 400
    assert client.post("/account/", {"old": PASSWORD, **new}).status_code == 302
    assert client.get("/").status_code == 200
    assert get_user_model().objects.get().check_password(new["password"])


async def test_files_are_served_packed_and_kept_for_ever(db: object) -> None:
    status, headers, body = await _get("/static/vendor/tabler.min.css")
    assert (status, headers[b"content-type"]) == (200, b"text/css; charset=utf-8")
    assert b"immutable" in headers[b"cache-control"]
    small = await _get("/static/vendor/tabler.min.css", (b"accept-encoding", b"br, gzip"))
    assert small[1][b"content-encoding"] == b"gzip" and len(small[2]) < len(body) / 5
    again = await _get("/static/vendor/tabler.min.css", (b"if-none-match", headers[b"etag"]))
    assert (again[0], again[2]) == (304, b"")
    for outside in ("/static/../security.py", "/static/nothing.css", "/static/"):
        assert (await _get(outside))[0] == 404


async def _get(path: str, *headers: tuple[bytes, bytes]) -> tuple[int, dict[bytes, bytes], bytes]:
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    await asgi.application()({"type": "http", "method": "GET", "path": path, "headers": list(headers)}, None, send)
    return sent[0]["status"], dict(sent[0]["headers"]), sent[1]["body"]
