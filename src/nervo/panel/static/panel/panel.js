// Keyboard, rows, dialogs. Everything works without it but the keys.
(() => {
  const typing = (el) => el && el.matches("input, textarea, select, [contenteditable]");
  const rows = () => [...document.querySelectorAll("[data-row]")];
  const current = () => document.querySelector("[data-row].at") || null;

  function go(step) {
    const all = rows();
    if (!all.length) return;
    const next = Math.min(all.length - 1, Math.max(0, all.indexOf(current()) + step));
    all.forEach((row) => row.classList.remove("at"));
    all[next].classList.add("at");
    all[next].focus({ preventScroll: true });
    all[next].scrollIntoView({ block: "nearest" });
  }

  const within = (selector) => (current() || document).querySelector(selector);
  const keys = {
    j: () => go(1),
    k: () => go(-1),
    x: () => within("input[type=checkbox][data-pick]")?.click(),
    e: () => within("[data-edit]")?.click(),
    r: () => within("[data-retry]")?.click(),
    Enter: () => document.activeElement?.matches("[data-row]") && within("a[data-open]")?.click(),
    "/": search,
    "?": () => document.getElementById("help").showModal(),
  };

  function search() {
    const box = document.getElementById("search");
    box.focus();
    box.select();
  }

  document.addEventListener("keydown", (event) => {
    if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "k") {
      event.preventDefault();
      search();
    } else if (!event.ctrlKey && !event.metaKey && !event.altKey && !typing(document.activeElement) && keys[event.key]) {
      if (document.querySelector("dialog[open]")) return;
      if (event.key !== "Enter") event.preventDefault();
      keys[event.key]();
    }
  });

  document.addEventListener("click", (event) => {
    const opens = event.target.closest("[data-dialog]");
    if (opens) document.getElementById(opens.dataset.dialog).showModal();
    const closes = event.target.closest("[data-close]");
    if (closes) closes.closest("dialog, .result")?.[closes.closest("dialog") ? "close" : "remove"]();
    document.querySelectorAll("details.menu[open]").forEach((menu) => menu.contains(event.target) || menu.removeAttribute("open"));
  });

  document.addEventListener("change", (event) => {
    if (event.target.matches("[data-pick-all]"))
      document.querySelectorAll("[data-pick]").forEach((box) => (box.checked = event.target.checked));
    if (event.target.matches("[data-submit]")) event.target.form.requestSubmit();
  });

  document.addEventListener("submit", (event) => event.target.closest("dialog")?.close());
  document.addEventListener("toggle", (event) => {
    if (event.target.matches("details[data-once]")) htmx.trigger(event.target, "opened");
  }, true);
})();
