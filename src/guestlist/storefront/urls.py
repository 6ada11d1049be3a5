"""Addresses of the storefront, below each store view's prefix.

``urlpatterns`` are the shop's own, named ``storefront:…``; ``account_urlpatterns`` are allauth's, below ``account/``,
with the names that allauth itself looks up. Of allauth only the doors that Guestlist opens are here.
"""

from __future__ import annotations

from allauth.account import views as allauth
from django.urls import path, re_path

from guestlist.storefront import (
    accounts,
    guest_list,
    invitation,
    mailing_again,
    opting_out,
    registration,
    sending,
)

app_name = "storefront"

urlpatterns = [
    path("", accounts.front, name="front"),
    path("theme.css", accounts.colors, name="theme"),
    path("account/", accounts.overview, name="account"),
    path("account/join/", accounts.become_customer, name="become_customer"),
    path("account/invitations/", guest_list.my_invitations, name="invitations"),
    path("account/invitations/send/", sending.send, name="send"),
    path("account/invitations/send/mail/<str:once>/", sending.mail, name="mail"),
    path("account/invitations/<uuid:public_id>/correct/", guest_list.correct, name="correct"),
    path("account/invitations/<uuid:public_id>/<slug:name>/", guest_list.deed, name="deed"),
    path("invitation/", invitation.show, name="invitation"),
    path("invitation/seen/", invitation.seen, name="seen"),
    path("invitation/register/", invitation.register, name="register"),
    path("invitation/accept/", invitation.accept, name="accept"),
    path("invitation/leave/", invitation.leave, name="leave"),
    path("invitation/fresh/", invitation.refresh, name="refresh"),
    path("invitation/no/", invitation.decline, name="decline"),
    path("invitation/<str:token>/", invitation.enter, name="enter"),
    path("never-again/<str:token>/", opting_out.opt_out, name="opt_out"),
    path("mail-me-again/", mailing_again.ask, name="mail_me_again"),
    path("mail-me-again/<str:token>/", mailing_again.confirm, name="mail_me_again_link"),
]

account_urlpatterns = [
    path("login/", registration.login, name="account_login"),
    path("logout/", allauth.logout, name="account_logout"),
    path("signup/", registration.signup, name="account_signup"),
    path("inactive/", allauth.account_inactive, name="account_inactive"),
    path("reauthenticate/", registration.reauthenticate, name="account_reauthenticate"),
    path("password/change/", registration.password_change, name="account_change_password"),
    path("password/set/", registration.password_set, name="account_set_password"),
    path("password/reset/", registration.password_reset, name="account_reset_password"),
    path("password/reset/done/", allauth.password_reset_done, name="account_reset_password_done"),
    re_path(
        r"^password/reset/key/(?P<uidb36>[0-9A-Za-z]+)-(?P<key>.+)/$",
        registration.new_password,
        name="account_reset_password_from_key",
    ),
    path(
        "password/reset/key/done/",
        allauth.password_reset_from_key_done,
        name="account_reset_password_from_key_done",
    ),
    path("confirm-email/", allauth.email_verification_sent, name="account_email_verification_sent"),
    re_path(r"^confirm-email/(?P<key>[-:\w]+)/$", registration.confirm_address, name="account_confirm_email"),
]
