// Everything here is a convenience: each page works without it.
(() => {
  "use strict";

  // A press counts once.
  document.addEventListener("submit", (event) => {
    const button = event.submitter;
    if (!button || !button.hasAttribute("data-once")) return;
    if (button.getAttribute("aria-disabled") === "true") event.preventDefault();
    else setTimeout(() => button.setAttribute("aria-disabled", "true"));
  });
  addEventListener("pageshow", () => {
    document.querySelectorAll("[data-once]").forEach((button) => button.removeAttribute("aria-disabled"));
  });

  // Mail programs open links by themselves; only a person presses a key or a pointer.
  const card = document.querySelector("[data-seen]");
  const token = document.querySelector("[name=csrfmiddlewaretoken]");
  if (card && token) {
    const once = new AbortController();
    const tell = () => {
      once.abort();
      fetch(card.dataset.seen, { method: "POST", headers: { "X-CSRFToken": token.value }, keepalive: true }).catch(() => {});
    };
    ["pointerdown", "keydown"].forEach((kind) => addEventListener(kind, tell, { signal: once.signal, passive: true }));
  }

  const copy = document.querySelector("[data-copy]");
  if (copy && navigator.clipboard) {
    copy.hidden = false;
    copy.addEventListener("click", async () => {
      const field = document.querySelector("[data-copy-from]");
      field.select();
      await navigator.clipboard.writeText(field.value);
      copy.textContent = copy.dataset.copied;
    });
  }

  const mail = document.querySelector("[data-mail]");
  if (mail) {
    const fit = () => {
      const page = mail.contentDocument && mail.contentDocument.documentElement;
      if (!page || !page.querySelector("body *")) return;
      mail.style.height = "0"; // a page is never lower than its frame
      mail.style.height = `${page.scrollHeight}px`;
    };
    mail.addEventListener("load", fit);
    addEventListener("resize", fit);
    fit();
  }

  const form = document.querySelector("[data-send]");
  if (!form) return;
  const list = form.querySelector("[data-addresses]");
  const add = form.querySelector("[data-add]");
  const left = form.querySelector("[data-left]");
  const maximum = Number(form.dataset.maximum);
  const rows = () => [...list.querySelectorAll("[data-address]")];
  const field = (row) => row.querySelector("input");
  let serial = rows().length;

  const refresh = () => {
    const all = rows();
    all.forEach((row, at) => {
      field(row).setAttribute("aria-label", field(row).getAttribute("aria-label").replace(/\d+/, at + 1));
      const remove = row.querySelector("[data-remove]");
      remove.hidden = all.length === 1;
      remove.value = at;
    });
    add.hidden = all.length >= maximum;
    const room = maximum - all.filter((row) => field(row).value.trim()).length;
    left.textContent = room === 1 ? left.dataset.leftOne : room > 1 ? left.dataset.leftMany.replace("#", room) : "";
  };

  const append = (value) => {
    const row = rows()[0].cloneNode(true);
    row.querySelectorAll(".error, .hint").forEach((part) => part.remove());
    const input = field(row);
    serial += 1;
    input.id = `email-${serial}`;
    input.value = value;
    input.removeAttribute("aria-invalid");
    input.removeAttribute("autofocus");
    input.setAttribute("aria-describedby", "maximum");
    row.querySelector("[data-remove] .visually-hidden").textContent = "";
    list.append(row);
    return input;
  };

  list.addEventListener("click", (event) => {
    const use = event.target.closest("[data-use]");
    const remove = event.target.closest("[data-remove]");
    if (!use && !remove) return;
    event.preventDefault();
    const row = event.target.closest("[data-address]");
    if (use) {
      field(row).value = use.dataset.use;
      use.closest(".hint").remove();
      field(row).focus();
    } else {
      const next = row.nextElementSibling || row.previousElementSibling;
      row.remove();
      field(next).focus();
    }
    refresh();
  });

  add.addEventListener("click", (event) => {
    event.preventDefault();
    append("").focus();
    refresh();
  });

  list.addEventListener("paste", (event) => {
    const text = event.clipboardData.getData("text");
    const parts = text.split(/[\n\r,;]+/).map((part) => part.trim()).filter(Boolean);
    if (parts.length < 2) return;
    event.preventDefault();
    let input = event.target;
    parts.forEach((part) => {
      const empty = !input.value.trim() ? input : rows().map(field).find((one) => !one.value.trim());
      if (empty) empty.value = part;
      else input = append(part);
    });
    refresh();
  });
  list.addEventListener("input", refresh);

  const message = form.querySelector("textarea");
  const count = form.querySelector("[data-count]");
  if (message) {
    const most = Number(message.dataset.maximum);
    const tell = () => { count.textContent = message.value ? `${[...message.value].length} / ${most}` : ""; };
    message.addEventListener("input", tell);
    tell();
  }
  refresh();
})();
