"""Coming in, going out, the first owner, the users and their roles."""

import time
from typing import cast

from django.contrib import messages
from django.contrib.auth import authenticate, get_user_model, login, logout, update_session_auth_hash
from django.contrib.auth.decorators import login_not_required
from django.contrib.auth.models import User
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import BadRequest, ValidationError
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext
from django.views.decorators.http import require_POST
from django.views.i18n import set_language

from nervo.panel import access, throttle, words
from nervo.panel.access import by_anyone

MOST_NAME = 150


@by_anyone
@login_not_required
def enter(request: HttpRequest) -> HttpResponse:
    """Login. Says nothing about which of the two was wrong; slows down who guesses."""
    if request.user.is_authenticated:
        return redirect("/")
    context: dict[str, object] = {"next": request.GET.get("next", ""), "first": bool(access.first_token())}
    if request.method == "POST":
        name = request.POST.get("user", "")
        answer, context["error"] = _try(request, name[:MOST_NAME])
        if answer:
            return answer
        context |= {"user_name": name, "next": request.POST.get("next", "")}
    return render(request, "panel/login.html", context, status=400 if context.get("error") else 200)


def _try(request: HttpRequest, name: str) -> tuple[HttpResponse | None, str]:
    now, gates = time.time(), throttle.gates(name, request.META.get("REMOTE_ADDR", ""))
    wait = max(g.wait_s(now) for g in gates)
    if wait:
        return None, gettext("Too many tries. Wait {n} seconds.").format(n=wait)
    user = authenticate(request, username=name, password=request.POST.get("password", ""))
    if user is None:
        for gate in gates:
            gate.failed(now)
        return None, gettext("User name or password is wrong.")
    gates[0].passed()
    login(request, user)
    to = request.POST.get("next", "")
    return redirect(to if url_has_allowed_host_and_scheme(to, {request.get_host()}) else "/"), ""


@by_anyone
@require_POST
def leave(request: HttpRequest) -> HttpResponse:
    logout(request)
    return redirect("/login/")


@by_anyone
@login_not_required
def first(request: HttpRequest, token: str) -> HttpResponse:
    """The first start: makes the owner. The link works until there is one."""
    if not access.is_first(token):
        return render(request, "panel/first_over.html", status=410)
    context: dict[str, object] = {}
    if request.method == "POST":
        name, password = request.POST.get("user", "").strip(), request.POST.get("password", "")
        problem = _wrong(name, password, request.POST.get("again", ""))
        user = None if problem else access.create_first_owner(token, name, password)
        if user:
            login(request, user)
            return redirect("/")
        context = {"error": problem or gettext("This link has been used."), "user_name": name}
    return render(request, "panel/first.html", context, status=400 if context else 200)


def _wrong(name: str, password: str, again: str) -> str:
    """Why this user cannot be made; "" when it can."""
    if not name or len(name) > MOST_NAME:
        return gettext("Choose a user name.")
    if get_user_model().objects.filter(username__iexact=name).exists():
        return gettext("This user name is taken.")
    if password != again:
        return gettext("The two passwords differ.")
    return _weak(password, User(username=name))


def _weak(password: str, user: User) -> str:
    try:
        validate_password(password, user)
    except ValidationError as error:
        return " ".join(error.messages)
    return ""


@by_anyone
@login_not_required
def language(request: HttpRequest) -> HttpResponse:
    """Switches the language; a cookie keeps it."""
    return set_language(request)


@by_anyone
def account(request: HttpRequest) -> HttpResponse:
    """One's own password."""
    user = cast(User, request.user)
    error = ""
    if request.method == "POST":
        password = request.POST.get("password", "")
        if not user.check_password(request.POST.get("old", "")):
            error = gettext("The present password is wrong.")
        elif password != request.POST.get("again", ""):
            error = gettext("The two passwords differ.")
        else:
            error = _weak(password, user) or _changed(request, user, password)
        if not error:
            return redirect("/account/")
    return render(request, "panel/account.html", {"error": error}, status=400 if error else 200)


def _changed(request: HttpRequest, user: User, password: str) -> str:
    user.set_password(password)
    user.save()
    update_session_auth_hash(request, user)
    messages.success(request, gettext("Password changed. Other sessions have ended."))
    return ""


@access.least(access.OWNER)
def users(request: HttpRequest) -> HttpResponse:
    """Who may come in, and adding one."""
    context: dict[str, object] = {}
    if request.method == "POST":
        name, password = request.POST.get("user", "").strip(), request.POST.get("password", "")
        error = _wrong(name, password, password)
        if not error:
            access.create_user(name, password, _role(request))
            messages.success(request, gettext("User {name} added.").format(name=name))
            return redirect("/users/")
        context = {"error": error, "user_name": name}
    context["users"] = [(u, access.role_of(u)) for u in get_user_model().objects.order_by("username")]
    context["roles"] = [(code, words.word(words.ROLE, code)) for code in access.ROLES]
    return render(request, "panel/users.html", context, status=400 if "error" in context else 200)


@access.least(access.OWNER)
@require_POST
def user(request: HttpRequest, number: int) -> HttpResponse:
    """Another role for a user, or shut out. An owner cannot do it to themselves, so that one always stays."""
    found = cast(User, get_object_or_404(get_user_model(), id=number))
    if found == request.user:
        raise BadRequest(gettext("You cannot change your own role."))
    if "active" in request.POST:
        found.is_active = request.POST["active"] == "yes"
        found.save()
    else:
        access.set_role(found, _role(request))
    messages.success(request, gettext("User {name} changed.").format(name=found.username))
    return redirect("/users/")


def _role(request: HttpRequest) -> str:
    role = request.POST.get("role", "")
    if role not in access.ROLES:
        raise Http404(role)
    return role
