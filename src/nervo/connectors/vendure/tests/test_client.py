"""What Vendure says when it cannot or will not, and who has to act on it."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest
from aiohttp import web

from nervo.connectors.vendure import queries
from nervo.connectors.vendure.client import Client
from nervo.connectors.vendure.settings import Settings
from nervo.errors import AuthFailed, Misunderstood, NotFound, OutcomeUnknown, RateLimited, Rejected, Unavailable
from nervo.kit.http import Exchange, ToolBox
from nervo.kit.secrets import Secret
from nervo.kit.simulator import Simulator

CHANGED = {"updateProductVariants": []}


class Desk(Simulator):
    """Vendure's Admin API: logs in, forgets sessions (200 with FORBIDDEN), answers from its script."""

    def __init__(self) -> None:
        super().__init__()
        self.sessions: list[str] = []
        self.answers: list[Any] = []
        self.bearer = True

    def routes(self) -> list[web.RouteDef]:
        return [web.post("/admin-api", self.ask)]

    async def ask(self, request: web.Request) -> web.Response:
        call = await request.json()
        if call["query"] == queries.LOGIN:
            return self.log_in(**call["variables"])
        if request.headers.get("Authorization", "").removeprefix("Bearer ") not in self.sessions:
            return errors("FORBIDDEN", "You are not currently authorized to perform this action")
        answer = self.answers.pop(0)
        return answer if isinstance(answer, web.Response) else web.json_response({"data": answer})

    def log_in(self, user: str, password: str) -> web.Response:
        if (user, password) != ("hub", "s3cret-password"):
            refusal = {
                "__typename": "InvalidCredentialsError",
                "errorCode": "INVALID_CREDENTIALS_ERROR",
                "message": "no",
            }
            return web.json_response({"data": {"login": refusal}})
        self.sessions.append(f"session-{len(self.sessions)}-{'x' * 20}")
        headers = {"vendure-auth-token": self.sessions[-1]} if self.bearer else {}
        return web.json_response({"data": {"login": {"__typename": "CurrentUser", "id": "1"}}}, headers=headers)


def errors(code: str, message: str, status: int = 200) -> web.Response:
    body = {"errors": [{"message": message, "extensions": {"code": code}}], "data": None}
    return web.json_response(body, status=status)


@pytest.fixture
async def desk() -> AsyncIterator[Desk]:
    desk = Desk()
    async with desk.serve():
        yield desk


@pytest.fixture
async def client(desk: Desk) -> AsyncIterator[Client]:
    client = Client(Settings(desk.url, "hub", Secret("s3cret-password")), ToolBox())
    yield client
    await client.close()


async def change(client: Client) -> list[Any]:
    return await client.mutate(queries.UPDATE_VARIANTS, "updateProductVariants", list[Any], input=[])


async def test_many_first_calls_share_one_login(desk: Desk, client: Client):
    desk.answers = [CHANGED] * 5
    await asyncio.gather(*(change(client) for _ in range(5)))
    assert len(desk.sessions) == 1


async def test_a_forgotten_session_is_opened_again_and_the_call_repeated(desk: Desk, client: Client):
    desk.answers = [CHANGED, CHANGED]
    await change(client)
    desk.sessions[0] = "forgotten"
    assert await change(client) == []
    assert len(desk.sessions) == 2


async def test_what_the_administrator_may_not_do_is_for_a_person_after_one_new_login(desk: Desk, client: Client):
    desk.answers = [errors("FORBIDDEN", "no"), errors("FORBIDDEN", "no")]
    with pytest.raises(AuthFailed):
        await change(client)
    assert len(desk.sessions) == 2


async def test_a_wrong_password_is_for_a_person(desk: Desk):
    client = Client(Settings(desk.url, "hub", Secret("wrong")), ToolBox())
    with pytest.raises(AuthFailed) as refused:
        await change(client)
    assert refused.value.code == "invalid_credentials_error"
    await client.close()


async def test_a_server_that_gives_tokens_by_cookie_alone_says_what_to_set(desk: Desk, client: Client):
    desk.bearer = False
    with pytest.raises(Misunderstood) as refused:
        await change(client)
    assert "tokenMethod" in refused.value.fix


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (errors("ENTITY_NOT_FOUND", "No ProductVariant with the id 9"), NotFound),
        (errors("USER_INPUT_ERROR", "take may not exceed 1000"), Rejected),
        (errors("ILLEGAL_OPERATION", "no"), Rejected),
        (errors("INTERNAL_SERVER_ERROR", "SQLITE_BUSY"), Unavailable),
        (errors("GRAPHQL_VALIDATION_FAILED", 'Cannot query field "x"', 400), Misunderstood),
        (errors("SOMETHING_NEW", "?"), Misunderstood),
        (web.Response(status=503), OutcomeUnknown),
        (web.Response(status=502), OutcomeUnknown),
        (web.Response(status=404, text="<html>"), NotFound),
        (web.Response(text="<html>maintenance</html>"), Misunderstood),
        (web.json_response({}), Misunderstood),
    ],
)
async def test_each_refusal_has_one_who_acts(desk: Desk, client: Client, answer: Any, error: type[Exception]):
    desk.answers = [answer]
    with pytest.raises(error):
        await change(client)


async def test_an_error_result_is_a_refusal_with_vendures_code_and_words(desk: Desk, client: Client):
    refusal = {
        "__typename": "ItemsAlreadyFulfilledError",
        "errorCode": "ITEMS_ALREADY_FULFILLED_ERROR",
        "message": "Already",
    }
    desk.answers = [{"addFulfillmentToOrder": refusal}]
    with pytest.raises(Rejected) as refused:
        await client.mutate(queries.FULFIL, "addFulfillmentToOrder", dict[str, Any], input={})
    assert (refused.value.code, refused.value.said) == ("items_already_fulfilled_error", "Already")


async def test_too_many_calls_say_how_long_to_wait(desk: Desk, client: Client):
    desk.answers = [web.Response(status=429, headers={"Retry-After": "3"})]
    with pytest.raises(RateLimited) as limited:
        await change(client)
    assert limited.value.retry_after_s == 3


async def test_the_password_and_the_token_are_in_no_recording(desk: Desk):
    kept: list[Exchange] = []
    desk.answers = [CHANGED]
    client = Client(Settings(desk.url, "hub", Secret("s3cret-password")), ToolBox(keep=kept.append))
    await change(client)
    await client.close()
    written = msgspec.json.encode(kept).decode()
    assert len(kept) == 1
    assert "s3cret-password" not in written
    assert desk.sessions[0] not in written
