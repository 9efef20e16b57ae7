"""The panel's addresses."""

from django.urls import path

from nervo.panel import commands, connections, order, orders, people, problems, stock, today

urlpatterns = [
    path("", today.shown),
    path("orders/", orders.listed),
    path("orders/skus/", order.skus),
    path("orders/<int:number>/", order.shown),
    path("orders/<int:number>/correct/", order.correct),
    path("orders/<int:number>/exchanges/<int:exchange>/", order.exchange),
    path("problems/", problems.listed),
    path("problems/<slug:code>/<str:connection>/", problems.group),
    path("stock/", stock.listed),
    path("stock/drift/", stock.drift),
    path("stock/of/<path:sku>/", stock.article),
    path("connections/", connections.listed),
    path("connections/add/<slug:name>/", connections.connector),
    path("do/<str:kind>/", commands.give),
    path("commands/<int:first>-<int:last>/", commands.progress),
    path("users/", people.users),
    path("users/<int:number>/", people.user),
    path("account/", people.account),
    path("login/", people.enter),
    path("logout/", people.leave),
    path("language/", people.language),
    path("first/<str:token>/", people.first),
]
handler400 = commands.wrong
handler403 = commands.refused
handler404 = commands.missing
handler500 = commands.broken
