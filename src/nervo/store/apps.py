"""The Django app that owns nervo's tables."""

from django.apps import AppConfig


class StoreConfig(AppConfig):
    name = "nervo.store"
    label = "store"
    default_auto_field = "django.db.models.BigAutoField"
