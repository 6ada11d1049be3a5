"""What the verdicts of an import depend on besides its rows: rights, options, senders and templates, as they are now."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from guestlist.invitations.actions import staging
from guestlist.invitations.config import Invitations
from guestlist.mail import actions as mail
from guestlist.mail.models import SenderIdentity, Template
from guestlist.stores import config
from guestlist.stores.actors import Permission
from guestlist.stores.models import StoreView

if TYPE_CHECKING:
    import datetime
    from collections.abc import Mapping

    from guestlist.invitations.imports.plans import Plan
    from guestlist.invitations.models import Task
    from guestlist.stores.actors import Actor


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What verdicts depend on besides the rows, as it is now."""

    views: Mapping[int, StoreView]
    configs: Mapping[int, Invitations]
    senders: Mapping[tuple[int, str], int]
    """The sender identities' ids, by website and code."""
    versions: Mapping[str, int]
    """The newest versions of templates, by code."""
    websites: frozenset[int]
    """Where the actor may import, and send what is to be sent."""

    @classmethod
    def of(cls, plan: Plan, actor: Actor) -> Circumstances:
        """Look around."""
        views = {one.pk: one for one in StoreView.objects.select_related("website").order_by("pk")}
        configs = config.resolve_each(Invitations, list(views.values()))
        senders = SenderIdentity.objects.values_list("website", "code", "pk") if plan.is_sent else ()
        used = {one.template for one in configs.values()} if plan.is_sent else set()
        known = set(Template.objects.filter(code__in=used).values_list("code", flat=True))
        needed = (Permission.IMPORT, Permission.SEND) if plan.is_sent else (Permission.IMPORT,)
        return cls(
            views,
            configs,
            {(website, code): pk for website, code, pk in senders},
            {code: mail.current_version(code).pk for code in sorted(known)},
            frozenset(
                one.website_id
                for one in views.values()
                if all(actor.may(permission, one.website_id) for permission in needed)
            ),
        )

    def judge(
        self, task: Task, plan: Plan, *, after: int, until: int, now: datetime.datetime
    ) -> dict[str, int]:
        """Give the rows between two numbers their verdicts; returns how many have each."""
        lacking: dict[str, list[int]] = {"no_sender": [], "no_template": []}
        for pk, view in self.views.items() if plan.is_sent else ():
            if (view.website_id, self.configs[pk].sender) not in self.senders:
                lacking["no_sender"].append(pk)
            elif self.configs[pk].template not in self.versions:
                lacking["no_template"].append(pk)
        return staging.judge(
            task_id=task.pk,
            after=after,
            until=until,
            websites=self.websites,
            lacking=lacking,
            skipping=[pk for pk, one in self.configs.items() if one.existing_account == "skip"],
            again=plan.again,
            now=now,
        )
