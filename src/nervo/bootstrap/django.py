"""Django, configured from a database URL and a data folder."""

from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import django
from django.conf import settings

from nervo.errors import BadInput

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "nervo.panel.security.Headers",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.auth.middleware.LoginRequiredMiddleware",
    "nervo.panel.access.OnlyLook",
    "django.contrib.messages.middleware.MessageMiddleware",
]
CONTEXT = [
    "django.template.context_processors.request",
    "django.contrib.auth.context_processors.auth",
    "django.contrib.messages.context_processors.messages",
    "django.template.context_processors.i18n",
    "nervo.panel.pages.frame",
]

# What the panel is made of.
PAGES: dict[str, Any] = dict(
    ALLOWED_HOSTS=["*"],
    USE_TZ=True,
    TIME_ZONE="Europe/Rome",
    INSTALLED_APPS=[
        "django.contrib.contenttypes",
        "django.contrib.auth",
        "django.contrib.sessions",
        "django.contrib.messages",
        "nervo.store.apps.StoreConfig",
        "nervo.panel",
    ],
    MIDDLEWARE=MIDDLEWARE,
    ROOT_URLCONF="nervo.panel.urls",
    TEMPLATES=[
        {
            "BACKEND": "django.template.backends.django.DjangoTemplates",
            "APP_DIRS": True,
            "OPTIONS": {"context_processors": CONTEXT},
        }
    ],
    LANGUAGE_CODE="it",
    LANGUAGES=[("it", "Italiano"), ("en", "English")],
    USE_I18N=True,
    LOCALE_PATHS=[str(Path(__file__).parents[1] / "panel" / "locale")],
    DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
    LOGGING_CONFIG=None,
)
# How long a PostgreSQL that went silent (a cut line, a host without power) is waited for: a call on a connection that nobody answers
# would hang for as long as TCP sends again, a quarter of an hour.
PATIENCE: dict[str, Any] = {
    "connect_timeout": 5, "keepalives_idle": 10, "keepalives_interval": 3, "keepalives_count": 3, "tcp_user_timeout": 20_000,
}  # fmt: skip
# Passwords, sessions and cookies.
ACCESS: dict[str, Any] = dict(
    PASSWORD_HASHERS=["django.contrib.auth.hashers.Argon2PasswordHasher"],
    AUTH_PASSWORD_VALIDATORS=[
        {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
        {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    ],
    LOGIN_URL="/login/",
    LOGIN_REDIRECT_URL="/",
    SESSION_COOKIE_NAME="nervo_session",
    SESSION_COOKIE_AGE=7 * 24 * 3600,
    SESSION_COOKIE_HTTPONLY=True,
    SESSION_COOKIE_SAMESITE="Lax",
    CSRF_COOKIE_NAME="nervo_csrf",
    CSRF_COOKIE_HTTPONLY=True,
    CSRF_COOKIE_SAMESITE="Lax",
    LANGUAGE_COOKIE_NAME="nervo_language",
    LANGUAGE_COOKIE_AGE=365 * 24 * 3600,
    LANGUAGE_COOKIE_HTTPONLY=True,
    LANGUAGE_COOKIE_SAMESITE="Lax",
)


def configure(
    database_url: str, data_dir: Path, *, secret_key: str, debug: bool = False, environment: str = "production"
) -> None:
    """Sets Django up once per process; a second call for the same database is fine, for another one a RuntimeError."""
    if settings.configured:
        if getattr(settings, "NERVO_DATABASE_URL", None) != database_url:
            raise RuntimeError("Django is already configured for another database")
        return
    settings.configure(
        NERVO_DATABASE_URL=database_url,
        NERVO_ENVIRONMENT=environment,
        NERVO_DATA_DIR=data_dir,
        DEBUG=debug,
        SECRET_KEY=secret_key,
        DATABASES={"default": database(database_url)},
        **PAGES,
        **ACCESS,
    )
    django.setup()


def database(url: str) -> dict[str, Any]:
    """Django's settings for `sqlite:///path` or `postgresql://user:password@host:port/name`."""
    parts = urlsplit(url)
    if parts.scheme == "sqlite":
        return {
            "ENGINE": "django.db.backends.sqlite3",
            "NAME": unquote(parts.path.removeprefix("/")) if parts.path.startswith("//") else unquote(parts.path),
            "OPTIONS": {
                "transaction_mode": "IMMEDIATE",
                "timeout": 20,
                "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA cache_size=-65536; PRAGMA temp_store=MEMORY;"
                "PRAGMA wal_autocheckpoint=20000",
            },
        }
    if parts.scheme in ("postgresql", "postgres"):
        return {
            "ENGINE": "django.db.backends.postgresql",
            "NAME": parts.path.lstrip("/"),
            "USER": unquote(parts.username or ""),
            "PASSWORD": unquote(parts.password or ""),
            "HOST": parts.hostname or "",
            "PORT": parts.port or "",
            "DISABLE_SERVER_SIDE_CURSORS": True,
            "OPTIONS": PATIENCE,
        }
    raise BadInput(
        "reading NERVO_DATABASE_URL",
        url.split("@")[-1],
        code="bad_database_url",
        fix="Use sqlite:///path or postgresql://user@host/name.",
    )
