"""Where everything answers. Shop pages live below each store view's prefix, which the middleware has taken off already."""

from __future__ import annotations

from django.conf import settings
from django.urls import URLPattern, URLResolver, include, path
from django.views.static import serve

from guestlist.backoffice import urls as backoffice
from guestlist.storefront import urls as storefront
from guestlist.worker import hooks

urlpatterns: list[URLPattern | URLResolver] = [
    path("staff/", include(backoffice.urlpatterns)),
    path("health/", include(backoffice.health_urlpatterns)),
    path("hooks/mail/<slug:provider>/", hooks.told, name="mail_hook"),
]

if settings.DEMO or settings.DEBUG:
    # A real shop's web server serves these files.
    urlpatterns.append(path("media/<path:path>", serve, {"document_root": settings.MEDIA_ROOT}))

if settings.DEMO:
    from guestlist.demo import urls as demo

    # Before the storefront: the demo shop's front page is the root, which otherwise leads to the account.
    urlpatterns += [
        path("demo/", include(demo.inbox_urlpatterns)),
        path("", include((demo.shop_urlpatterns, "shop"))),
    ]

urlpatterns += [
    path("account/", include(storefront.account_urlpatterns)),
    path("", include((storefront.urlpatterns, "storefront"))),
]

handler403 = "guestlist.storefront.errors.forbidden"
handler404 = "guestlist.storefront.errors.not_found"
handler500 = "guestlist.storefront.errors.server_error"
