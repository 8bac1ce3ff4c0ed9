// Enhances pages that already work without it: theme, page finder, times, dialogs, busy buttons, unsaved forms, htmx.
const $ = (selector, root = document) => root.querySelector(selector);
const $$ = (selector, root = document) => [...root.querySelectorAll(selector)];

// Tells screen readers something that sighted people see anyway.
function say(text) {
  const region = $("#say");
  if (region) region.textContent = text;
}

// ---- Theme: the system's, unless the person chose. The server reads the cookie, so that no page flashes.
function darkNow() {
  const chosen = document.documentElement.dataset.theme;
  return chosen ? chosen === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
}
$("#theme")?.addEventListener("click", () => {
  const theme = darkNow() ? "light" : "dark";
  document.documentElement.dataset.theme = theme;
  document.cookie = `raa_theme=${theme}; Path=/; SameSite=Lax; Max-Age=31536000`;
});

// ---- Page finder: "/" puts the cursor in it, Enter opens the first page that is left.
const query = $("#q");
function narrow() {
  const wanted = query.value.trim().toLowerCase();
  let left = 0;
  for (const list of $$(".nav ul")) {
    let here = 0;
    for (const item of list.children) {
      const known = `${item.textContent} ${item.dataset.words ?? ""}`.toLowerCase();
      item.hidden = Boolean(wanted) && !known.includes(wanted);
      if (!item.hidden) here += 1;
    }
    const heading = list.previousElementSibling;
    if (heading?.matches("h2")) heading.hidden = !here;
    left += here;
  }
  $("#qnone").textContent = left ? "" : "No page goes by that name.";
}
if (query) {
  query.addEventListener("input", narrow);
  query.addEventListener("keydown", event => {
    if (event.key === "Enter") $(".nav li:not([hidden]) a")?.click();
    if (event.key === "Escape") { query.value = ""; narrow(); }
  });
}
addEventListener("keydown", event => {
  if (event.key === "/" && query && !event.ctrlKey && !event.metaKey && !event.target.closest("input, select, textarea, dialog")) {
    event.preventDefault();
    if (!query.offsetParent) location.hash = "#nav"; // on a phone the finder is in the menu
    query.focus();
  }
  if (event.key === "Escape") {
    if (location.hash === "#nav") location.hash = "#main";
    closeMenu(null);
  }
});

// The account menu closes by Escape and by a click elsewhere.
function closeMenu(target) {
  const menu = $(".usermenu[open]");
  if (menu && !menu.contains(target)) {
    if (!target && menu.contains(document.activeElement)) $("summary", menu).focus();
    menu.open = false;
  }
}
addEventListener("click", event => closeMenu(event.target));

// ---- Times. The appliance's zone is shown; the reader's is added where it differs.
function offsetMinutes(iso) {
  const match = /([+-])(\d\d):?(\d\d)$/.exec(iso);
  return match ? (match[1] === "-" ? -1 : 1) * (Number(match[2]) * 60 + Number(match[3])) : 0;
}
function localTimes() {
  const format = new Intl.DateTimeFormat(document.documentElement.lang || "en",
    { weekday: "short", hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
  for (const element of $$("[data-local]")) {
    const moment = new Date(element.dataset.local);
    const same = -moment.getTimezoneOffset() === offsetMinutes(element.dataset.local);
    element.textContent = same ? "" : format.format(moment) + " your time";
  }
}
// The clock shows the appliance's time, counted on from the page's, whatever this computer's clock says.
const clock = $("[data-clock]");
if (clock) {
  const iso = clock.dataset.clock, loaded = Date.now();
  const start = Date.parse(iso) + offsetMinutes(iso) * 60000;
  const tick = () => {
    const now = start + Date.now() - loaded;
    clock.textContent = new Date(now).toISOString().slice(11, 16);
    setTimeout(tick, 60000 - now % 60000 + 50);
  };
  if (!Number.isNaN(start)) tick();
}

// ---- Dialogs. Without script their links lead to a confirmation page.
addEventListener("click", event => {
  const opener = event.target.closest("[data-dialog]");
  const dialog = opener && document.getElementById(opener.dataset.dialog);
  if (dialog && !event.ctrlKey && !event.metaKey) { event.preventDefault(); dialog.showModal(); }
  event.target.closest("[data-close]")?.closest("dialog").close();
  event.target.closest("[data-dismiss]")?.closest(".flash").remove();
  const show = event.target.closest("[data-show]");
  if (show) {
    const field = document.getElementById(show.dataset.show), shown = field.type === "text";
    field.type = shown ? "password" : "text";
    show.setAttribute("aria-pressed", String(!shown));
  }
});

// ---- Forms. A button answers at once, and is pressed once.
const busy = new Set(); // not told by the class: htmx lends the old button's classes to its successor while it settles
function free(button) {
  if (!busy.delete(button)) return;
  button.classList.remove("busy");
  button.removeAttribute("aria-disabled");
  $(".spin", button)?.remove();
}
addEventListener("submit", event => {
  const form = event.target, button = event.submitter ?? $("button:not([type=button])", form);
  if (button?.getAttribute("aria-disabled") === "true") { // it says why instead of being dead
    event.preventDefault();
    event.stopImmediatePropagation();
    const reason = document.getElementById(button.getAttribute("aria-describedby"));
    if (reason) say(reason.textContent);
    $("#job")?.scrollIntoView({ block: "center" });
    return;
  }
  form.removeAttribute("data-dirty");
  if (!button || form.dataset.nobusy !== undefined) return;
  const spinner = document.createElement("span");
  spinner.className = "spin";
  spinner.setAttribute("aria-hidden", "true");
  button.prepend(spinner);
  busy.add(button);
  button.classList.add("busy");
  button.setAttribute("aria-disabled", "true");
  setTimeout(free, 15000, button);
}, true);
addEventListener("pageshow", event => { if (event.persisted) [...busy].forEach(free); });

addEventListener("input", event => {
  const form = event.target.closest("[data-guard]");
  if (!form) return;
  form.dataset.dirty = "";
  const mark = $("[data-unsaved]", form);
  if (mark) mark.hidden = false;
});
addEventListener("beforeunload", event => { if ($("[data-guard][data-dirty]")) event.preventDefault(); });
// "230" and "2:30" become "02:30": number pads of phones have no colon.
addEventListener("change", event => {
  if (event.target.dataset.time === undefined) return;
  const match = /^\s*(\d{1,2}):?(\d\d)\s*$/.exec(event.target.value);
  if (match) event.target.value = match[1].padStart(2, "0") + ":" + match[2];
});

// ---- htmx
function warn(text) {
  const box = document.createElement("div"), line = document.createElement("p");
  box.className = "flash err";
  box.setAttribute("role", "alert");
  line.textContent = text;
  box.append(line);
  $("#flash")?.replaceChildren(box);
}
addEventListener("htmx:configRequest", event => {
  event.detail.headers["X-CSRF-Token"] = $("meta[name=csrf]")?.content ?? "";
});
addEventListener("htmx:beforeRequest", event => {
  const element = event.detail.elt;
  // Live parts rest while nobody looks, and while somebody is in the middle of them.
  if (element.dataset.live !== undefined && (document.hidden || element.contains(document.activeElement))) event.preventDefault();
});
addEventListener("htmx:afterRequest", event => {
  for (const button of [...busy]) if (!button.isConnected || event.detail.elt.contains(button)) free(button);
});
for (const kind of ["htmx:responseError", "htmx:sendError"]) {
  addEventListener(kind, event => {
    if (event.detail.elt.matches("form:not([data-guard])")) warn("The appliance did not carry this out. Reload the page and try again.");
  });
}
addEventListener("htmx:afterSettle", enhance);

// Whatever needs script appears, whatever stands in for it goes; also after parts of the page were replaced.
function enhance() {
  for (const element of $$("#theme, .navfind, [data-show], [data-dismiss]")) element.hidden = false;
  for (const element of $$("[data-nojs]")) element.hidden = true;
  localTimes();
}
enhance();
$("#problems")?.focus();
