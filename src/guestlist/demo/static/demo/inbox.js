// A convenience: the list of mails renews itself while somebody looks at it. Without it, reload the page.
(() => {
  "use strict";
  const list = document.querySelector("[data-look-again]");
  if (!list) return;
  const look = async () => {
    if (document.hidden || list.contains(document.activeElement)) return;
    const answer = await fetch(location.href, { headers: { Accept: "text/html" } }).catch(() => null);
    if (!answer || !answer.ok) return;
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const fresh = page.querySelector("[data-look-again]");
    if (fresh && fresh.innerHTML !== list.innerHTML) list.replaceChildren(...fresh.childNodes);
  };
  setInterval(look, 3000);
})();
