"""Who may do what: owner, operator, viewer. The first owner comes in by a link that works once."""

from collections.abc import Callable
from functools import wraps
from typing import Any, Concatenate, ParamSpec, cast

from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group, User
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.utils.crypto import constant_time_compare, salted_hmac

OWNER, OPERATOR, VIEWER = ROLES = ("owner", "operator", "viewer")
P = ParamSpec("P")
View = Callable[Concatenate[HttpRequest, P], HttpResponse]


def first_token() -> str:
    """The token of the link that makes the first owner; "" once there is a user."""
    return "" if get_user_model().objects.exists() else _token()


def _token() -> str:
    return salted_hmac("nervo.panel.first", "owner", algorithm="sha256").hexdigest()[:40]


def is_first(token: str) -> bool:
    """Whether this token may make the first owner now."""
    return constant_time_compare(token, _token()) and bool(first_token())


def create_first_owner(token: str, name: str, password: str) -> User | None:
    """The first owner; None where the token is not, or no longer, good."""
    with transaction.atomic():
        Group.objects.select_for_update().get_or_create(name=OWNER)
        return create_user(name, password, OWNER) if is_first(token) else None


def create_user(name: str, password: str, role: str) -> User:
    """A user with a role. The password has been validated before."""
    user = User.objects.create_user(username=name, password=password)
    set_role(user, role)
    return user


def set_role(user: User, role: str) -> None:
    """The one role of a user. Raises KeyError for a role that does not exist."""
    if role not in ROLES:
        raise KeyError(role)
    user.groups.set([Group.objects.get_or_create(name=role)[0]])


def role_of(user: Any) -> str:
    """A user's role; without one they may only look. "" for nobody."""
    if not user.is_authenticated:
        return ""
    names = set(user.groups.values_list("name", flat=True))
    return next((role for role in ROLES if role in names), VIEWER)


def role(request: HttpRequest) -> str:
    """The role of who asks, read once per request."""
    if not hasattr(request, "nervo_role"):
        request.nervo_role = role_of(request.user)  # type: ignore[attr-defined]
    return cast(str, request.nervo_role)  # type: ignore[attr-defined]


def may(request: HttpRequest, least: str) -> bool:
    """Whether who asks has at least this role."""
    return role(request) in ROLES[: ROLES.index(least) + 1]


def least(role: str) -> Callable[[View[P]], View[P]]:
    """Only for this role and those above it."""

    def decorate(view: View[P]) -> View[P]:
        @wraps(view)
        def checked(request: HttpRequest, *args: P.args, **kwargs: P.kwargs) -> HttpResponse:
            if not may(request, role):
                raise PermissionDenied(role)
            return view(request, *args, **kwargs)

        return cast(View[P], checked)

    return decorate


def by_anyone(view: View[P]) -> View[P]:
    """A viewer too may send this form: it changes nothing but their own session."""
    view.nervo_by_anyone = True  # type: ignore[attr-defined]
    return view


class OnlyLook:
    """Refuses whatever a viewer sends, unless the view says that anyone may."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self._get_response(request)

    def process_view(self, request: HttpRequest, view: Any, args: Any, kwargs: Any) -> None:
        sends = request.method not in ("GET", "HEAD", "OPTIONS")
        if sends and role(request) == VIEWER and not getattr(view, "nervo_by_anyone", False):
            raise PermissionDenied(VIEWER)
