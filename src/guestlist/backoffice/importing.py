"""Importing people from a file: bringing it, saying what stands where, and the rows that were refused."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, BinaryIO, cast

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from guestlist.backoffice import access, downloads
from guestlist.backoffice.import_form import ImportForm, UploadForm
from guestlist.invitations import spreadsheets
from guestlist.invitations.actions import import_files, importing
from guestlist.invitations.imports import files, results
from guestlist.invitations.models import ImportFile, Task, TaskKind
from guestlist.refusal import Refusal
from guestlist.stores.actors import Permission

if TYPE_CHECKING:
    from django.http.response import HttpResponseBase

    from guestlist.backoffice.access import Staff


@require_http_methods(["GET", "HEAD", "POST"])
def upload(request: HttpRequest) -> HttpResponse:
    """Ask for a file; keep it, and go on to what stands in it."""
    staff = access.of(request)
    staff.require(Permission.IMPORT)
    if request.method != "POST":
        return _asked(request, UploadForm())
    form = UploadForm(request.POST, request.FILES)
    if not form.is_valid():
        return _asked(request, form, status=422)
    brought = form.cleaned_data["file"]
    try:
        kept = import_files.keep_file(
            file=cast("BinaryIO", brought.file),
            name=brought.name or _("file"),
            size=brought.size or 0,
            actor=staff.actor,
            now=timezone.now(),
        )
    except Refusal as refusal:
        form.add_error("file", str(refusal))
        return _asked(request, form, status=422)
    return HttpResponseRedirect(reverse("admin:import_plan", args=[kept.pk]))


def _asked(request: HttpRequest, form: UploadForm, *, status: int = 200) -> HttpResponse:
    context = {
        **access.context(request),
        "title": _("Import invitations"),
        "form": form,
        "megabytes": files.MAX_BYTES // 1024**2,
        "rows": files.MAX_ROWS,
    }
    return render(request, "backoffice/import_upload.html", context, status=status)


@require_http_methods(["GET", "HEAD", "POST"])
def plan(request: HttpRequest, pk: int) -> HttpResponse:
    """Show how a file reads and ask what its columns are; then let a worker try it."""
    staff, now = access.of(request), timezone.now()
    staff.require(Permission.IMPORT)
    file = _found(staff, pk)
    if file.task_id is not None:
        return HttpResponseRedirect(reverse("admin:task", args=[file.task_id]))
    if request.method != "POST":
        return _shown(request, ImportForm(staff, now, file))
    wanted, before, problem = request.POST.get("sheet", ""), file.sheet, ""
    if file.is_workbook and wanted in file.sheets and wanted != before:
        try:
            import_files.choose_sheet(file=file, sheet=wanted)
        except Refusal as refusal:
            problem = str(refusal)
    is_other = file.sheet != before
    form = ImportForm(staff, now, file, request.POST, is_other_sheet=is_other, problem=problem)
    if form.is_preview:
        return _shown(request, form)
    if form.is_valid():
        try:
            task = importing.open_import(
                file=file, plan=form.plan, store_view=form.view, actor=staff.actor, now=now
            )
        except importing.AlreadyImported:
            file.refresh_from_db()
            return HttpResponseRedirect(reverse("admin:task", args=[file.task_id]))
        except Refusal as refusal:
            form.refuse(refusal)
        else:
            return HttpResponseRedirect(reverse("admin:task", args=[task.pk]))
    return _shown(request, form, status=422)


def _found(staff: Staff, pk: int) -> ImportFile:
    """Return the file; somebody else's is not there."""
    file = ImportFile.objects.visible_to(staff.actor).filter(pk=pk).first()
    if file is None:
        raise Http404
    return file


def _shown(request: HttpRequest, form: ImportForm, *, status: int = 200) -> HttpResponse:
    context = {
        **access.context(request),
        "title": _("Import “%(name)s”") % {"name": form.file.name},
        "form": form,
        "file": form.file,
    }
    return render(request, "backoffice/import_plan.html", context, status=status)


@require_safe
def refused(request: HttpRequest, pk: int) -> HttpResponseBase:
    """Give the rows of an import that were refused as a file, to be put right and imported again."""
    staff = access.of(request)
    task = Task.objects.visible_to(staff.actor).filter(pk=pk, kind=TaskKind.IMPORT).first()
    websites = results.readable_at(task, staff.actor) if task is not None else ()
    if task is None or (websites is not None and not websites):
        raise Http404
    try:
        pieces = results.refused_file(task, websites=websites)
    except Refusal as refusal:
        messages.error(request, str(refusal))
        return HttpResponseRedirect(reverse("admin:task", args=[pk]))
    stem = re.sub(r"[^\w.-]+", "-", str(task.settings.get("file", "")).rpartition(".")[0]).strip("-.")
    name = f"{stem or 'import'}-{_('refused')}.csv"
    return downloads.as_file(request, pieces, name=name, media_type=spreadsheets.CSV_TYPE)
