/* The staff site's own: what makes pages quicker to use. Everything works without it. */
"use strict";

document.addEventListener("DOMContentLoaded", () => {
  document.querySelectorAll("form[data-selection]").forEach(keepSelection);
  document.querySelectorAll("[data-option]").forEach(greyInherited);
  document.querySelectorAll("textarea[data-count]").forEach(countCharacters);
  document.querySelectorAll("input[data-copy]").forEach(offerCopying);
  document.querySelectorAll("[data-live]").forEach(watch);
  document.querySelectorAll("form[data-rereading]").forEach(reread);
  restoreTyped();
  // Unfold's page is hidden until its script has run, so a browser's own autofocus comes too early.
  const problem = document.querySelector("#content [aria-invalid='true'], #verdicts");
  if (problem) requestAnimationFrame(() => problem.focus());
});

document.addEventListener("submit", (event) => {
  const form = event.target;
  if (form.matches("[data-forget-selection]")) sessionStorage.removeItem("invitations");
  if (form.method === "post" && !form.matches("[data-selection]")) keepTyped(form);
  if (!form.matches("[data-once]")) return;
  if (form.dataset.sent) {
    event.preventDefault();
    return;
  }
  form.dataset.sent = "1";
  form.setAttribute("aria-busy", "true");
});

// What opens over the page closes again when somebody goes on elsewhere.
document.addEventListener("click", (event) => closeChoices((open) => !open.contains(event.target)));
document.addEventListener("focusin", (event) => closeChoices((open) => !open.contains(event.target)));
document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  closeChoices((open) => {
    if (open.contains(document.activeElement)) open.querySelector("summary").focus();
    return true;
  });
});

// The keys that the list of shortcuts (Shift and ?) names for lists; not while somebody types or chooses in a field.
document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.repeat) return;
  if (event.target.closest("input:not([type=checkbox]), select, textarea, [contenteditable]")) return;
  const pressed = [...document.querySelectorAll("[data-key]")].find((one) => one.dataset.key === event.key);
  if (!pressed) return;
  event.preventDefault();
  pressed.click();
  const opened = pressed.closest("details");
  if (opened) (opened.open ? opened.querySelector("input:not([type=hidden]), select") : pressed).focus();
});

function closeChoices(isDone) {
  document.querySelectorAll("details.gl-choices[open]").forEach((open) => isDone(open) && open.removeAttribute("open"));
}

// An address that is passed on shall have in it what was asked for, and nothing else.
document.addEventListener("formdata", (event) => {
  if (event.target.method !== "get") return;
  [...event.formData].forEach(([name, value]) => value || event.formData.delete(name));
});

// Unfold looks for a text field of its own beside every file field, and fails where there is none.
document.addEventListener(
  "change",
  (event) => event.target.matches("input[type=file][data-plain]") && event.stopImmediatePropagation(),
  true,
);

window.addEventListener("pageshow", () => {
  document.querySelectorAll("form[data-sent]").forEach((form) => {
    delete form.dataset.sent;
    form.removeAttribute("aria-busy");
  });
});

/** Keep what is selected while paging, and send it along with the page's own rows. */
function keepSelection(form) {
  const boxes = [...form.querySelectorAll("input[name=id]")];
  const all = form.querySelector("[data-select-all]");
  const every = form.querySelector("[data-all]");
  const output = form.querySelector("[data-selected]");
  const chosen = new Set(JSON.parse(sessionStorage.getItem("invitations") || "[]"));

  const show = () => {
    sessionStorage.setItem("invitations", JSON.stringify([...chosen]));
    boxes.forEach((box) => {
      box.checked = chosen.has(box.value) || Boolean(every?.checked);
      box.closest("tr").classList.toggle("gl-chosen", box.checked);
    });
    const here = boxes.filter((box) => box.checked).length;
    all.checked = here > 0 && here === boxes.length;
    all.indeterminate = here > 0 && here < boxes.length;
    output.textContent = every?.checked
      ? output.dataset.every
      : chosen.size
        ? output.dataset.some.replace("{count}", chosen.size)
        : output.dataset.none;
  };
  const set = (on, which) => {
    if (every) every.checked = false;
    which.forEach((value) => (on ? chosen.add(value) : chosen.delete(value)));
    show();
  };
  const visible = boxes.map((box) => box.value);

  form.querySelector("[data-selecting]").hidden = false;
  all.hidden = false;
  every?.addEventListener("change", show);
  all.addEventListener("change", () => set(all.checked, visible));
  boxes.forEach((box) => box.addEventListener("change", () => set(box.checked, [box.value])));
  form.querySelectorAll("[data-select]").forEach((button) =>
    button.addEventListener("click", () => {
      if (button.dataset.select === "none") chosen.clear();
      set(button.dataset.select === "visible", visible);
    }),
  );
  form.addEventListener("submit", () => {
    form.querySelector("input[data-elsewhere]")?.remove();
    const elsewhere = [...chosen].filter((value) => !visible.includes(value));
    if (!elsewhere.length) return;
    const input = document.createElement("input");
    Object.assign(input, { type: "hidden", name: "id", value: elsewhere.join(",") });
    input.dataset.elsewhere = "";
    form.append(input);
  });
  show();
}

/** Grey a value while the wider scope's counts. */
function greyInherited(option) {
  const tick = option.querySelector("[data-inherit]");
  const fields = option.querySelectorAll(".gl-option-value :is(input:not([type=hidden]), select)");
  const show = () => fields.forEach((field) => (field.disabled = tick.checked));
  tick.addEventListener("change", () => {
    show();
    if (!tick.checked) fields[0]?.focus();
  });
  show();
}

/** Say how many characters are left. */
function countCharacters(area) {
  const output = document.createElement("output");
  output.className = "gl-help";
  const show = () => (output.textContent = `${[...area.value].length} / ${area.dataset.count}`);
  area.after(output);
  area.addEventListener("input", show);
  show();
}

/** Put a button for copying beside a link. */
function offerCopying(input) {
  const button = document.createElement("button");
  Object.assign(button, { type: "button", className: "gl-button", textContent: input.dataset.copy });
  button.addEventListener("click", async () => {
    input.select();
    await navigator.clipboard.writeText(input.value);
    button.textContent = input.dataset.copied;
  });
  input.after(button);
}

/** Bring what changes up to date while it does: only the parts that differ, so that nothing moves under a finger. */
function watch(region) {
  const beside = (name) => region.parentElement.querySelector(`[${name}]`);
  const announce = beside("data-announce");
  const stale = beside("data-stale");
  const every = (root) => root.querySelector("[data-every]")?.dataset.every;
  const said = (root) => root.querySelector("[data-said]")?.dataset.said;
  let heard = said(region);
  beside("data-reload").hidden = true;

  const look = async () => {
    if (document.hidden) return document.addEventListener("visibilitychange", look, { once: true });
    let fresh;
    try {
      const answer = await fetch(region.dataset.live, { redirect: "error", cache: "no-store" });
      if (!answer.ok) throw new Error(answer.status);
      fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
    } catch {
      stale.hidden = false;
      return again(region);
    }
    stale.hidden = true;
    region.querySelectorAll("[data-part]").forEach((part) => replace(part, fresh));
    if (said(fresh) !== heard) announce.textContent = heard = said(fresh);
    again(fresh);
  };
  const again = (root) => {
    const seconds = every(root);
    if (seconds) setTimeout(look, seconds * 1000);
  };
  const replace = (part, fresh) => {
    const now = fresh.querySelector(`[data-part="${part.dataset.part}"]`);
    if (!now || now.outerHTML === part.outerHTML) return;
    const held = part.contains(document.activeElement) && document.activeElement.id;
    part.replaceWith(now);
    if (held) (document.getElementById(held) || now.querySelector("button, a"))?.focus();
  };
  again(region);
}

/** Read a file again as soon as it is said how, without leaving the page. */
function reread(form) {
  form.addEventListener("change", async (event) => {
    if (!event.target.matches("[data-refresh]")) return;
    const body = new FormData(form);
    body.set("do", "preview");
    try {
      const answer = await fetch(form.action, { method: "POST", body, redirect: "error" });
      const fresh = new DOMParser().parseFromString(await answer.text(), "text/html").querySelector("[data-reread]");
      form.querySelector("[data-reread]").replaceWith(fresh);
      document.getElementById(event.target.id)?.focus();
    } catch {
      form.requestSubmit(form.querySelector("[data-reread-button]"));
    }
  });
}

/** Keep what was typed until the next page tells that it arrived: who has to sign in first shall not type it again. */
function keepTyped(form) {
  if (!form.closest("#content")) return;
  const fields = [...form.elements].filter(isTyped).map((one) => [one.name, one.value, one.checked]);
  const page = location.pathname + location.search;
  if (fields.length) sessionStorage.setItem("typed", JSON.stringify({ who: who(), page, form: posting().indexOf(form), fields }));
}

/** Put what was typed back into its form, after a page that had to come between; after any other forget it. */
function restoreTyped() {
  const kept = JSON.parse(sessionStorage.getItem("typed") || "null");
  if (!kept) return;
  if (document.querySelector("#login-form, [data-keeps-typed]")) {
    sessionStorage.setItem("typed", JSON.stringify({ ...kept, isHeld: true }));
    return;
  }
  sessionStorage.removeItem("typed");
  const form = posting()[kept.form];
  if (!kept.isHeld || !form || kept.who !== who() || kept.page !== location.pathname + location.search) return;
  const fields = [...form.elements].filter(isTyped);
  kept.fields.forEach(([name, value, checked]) => {
    const field = fields.find((one) => one.name === name && (!isTick(one) || one.value === value));
    if (!field) return;
    if (isTick(field)) field.checked = checked;
    else field.value = value;
    field.dispatchEvent(new Event(isTick(field) ? "change" : "input", { bubbles: true }));
  });
  const content = document.getElementById("content");
  const note = document.createElement("p");
  Object.assign(note, { className: "gl-note gl-note-slow", textContent: content.dataset.restored });
  note.setAttribute("role", "status");
  note.tabIndex = -1;
  content.prepend(note);
  requestAnimationFrame(() => note.focus());
}

const posting = () => [...document.querySelectorAll("#content form[method=post]")];
const who = () => document.querySelector(".gl-user-name")?.textContent;
const isTick = (field) => field.type === "checkbox" || field.type === "radio";
const isTyped = (field) => field.name && !["hidden", "password", "file", "submit", "button"].includes(field.type);
