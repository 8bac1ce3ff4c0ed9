// The live job card: events from the server, polling where the stream fails, and an end that tells results apart.
const LINES = 2000; // in the log at most; the job's page offers the whole
const POLL = 2000, POLL_MAX = 30000;

// state -> [class of pill and notice, role of the notice]; failures interrupt a screen reader, successes wait
const KINDS = {
  queued: ["idle"], running: ["run"], cancelling: ["run"],
  succeeded: ["ok", "status"], warnings: ["warn", "status"],
  failed: ["err", "alert"], timed_out: ["err", "alert"], interrupted: ["err", "alert"],
  cancelled: ["idle", "status"], missed: ["warn", "status"], skipped: ["idle", "status"], merged: ["idle", "status"],
};

function make(tag, className, text = "") {
  const element = document.createElement(tag);
  if (className) element.className = className;
  element.textContent = text;
  return element;
}

function icon(icons, name) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg"), use = document.createElementNS(svg.namespaceURI, "use");
  svg.setAttribute("class", "i");
  svg.setAttribute("aria-hidden", "true");
  use.setAttribute("href", `${icons}#${name}`);
  svg.append(use);
  return svg;
}

class JobCard {
  constructor(element) {
    this.element = element;
    this.seq = Number(element.dataset.seq) || 0;
    this.state = element.dataset.state;
    this.fails = 0;
    this.done = false;
    this.log = this.part("joblog");
    this.log.scrollTop = this.log.scrollHeight;
    this.onVisibility = () => (document.hidden ? this.rest() : this.open());
    document.addEventListener("visibilitychange", this.onVisibility);
    if (!document.hidden) this.open();
  }

  part(id) { return this.element.querySelector("#" + id); }

  open() {
    if (this.done || this.stream || this.timer) return;
    if (!window.EventSource) { this.poll(); return; }
    this.stream = new EventSource(`${this.element.dataset.events}?after=${this.seq}`);
    this.stream.addEventListener("progress", event => { this.fails = 0; this.show(JSON.parse(event.data)); });
    this.stream.onerror = () => {
      this.fails += 1;
      // A refused stream (503) is closed at once; one that breaks reconnects by itself.
      if (this.stream?.readyState === EventSource.CLOSED || this.fails >= 3) { this.rest(); this.fails = 0; this.poll(); }
    };
  }

  rest() {
    this.stream?.close();
    this.stream = null;
    clearTimeout(this.timer);
    this.timer = 0;
  }

  leave() {
    this.rest();
    this.done = true;
    document.removeEventListener("visibilitychange", this.onVisibility);
  }

  async poll() {
    try {
      const token = document.querySelector("meta[name=csrf]")?.content ?? "";
      const answer = await fetch(`${this.element.dataset.poll}?after=${this.seq}`,
        { headers: { Accept: "application/json", "X-CSRF-Token": token } });
      if (!answer.ok) throw new Error(String(answer.status));
      const job = await answer.json();
      if (this.done) return;
      this.fails = 0;
      this.show(job);
    } catch {
      this.fails += 1; // the next try tells
    }
    const wait = this.more && !this.fails ? 0 : Math.min(POLL * 2 ** this.fails, POLL_MAX);
    if (!this.done && !document.hidden) this.timer = setTimeout(() => { this.timer = 0; this.poll(); }, wait);
  }

  show(job) {
    if (this.done || job.seq < this.seq) return; // an answer that was overtaken
    const bar = this.part("jobbar");
    if (job.percent === null && job.state !== "queued") bar.removeAttribute("value");
    else bar.value = job.percent ?? 0;
    this.part("jobpct").textContent = job.percent === null ? "" : `${job.percent} %`;
    this.part("jobmsg").textContent = job.message;
    this.part("jobdet").textContent = job.detail;
    this.part("jobeta").textContent = job.eta && !job.done ? ` · ${job.eta}` : "";
    if (job.state !== this.state || job.done) this.pill(job);
    this.steps(job);
    this.append(job.log ?? []);
    document.title = (job.done || job.percent === null ? "" : `${job.percent} % – `) + document.title.replace(/^\d+ % – /, "");
    if (!job.can_cancel) this.part("jobcancel")?.remove();
    this.seq = job.seq;
    this.more = job.more;
    this.state = this.element.dataset.state = job.state;
    if (job.done && !job.more) this.finish(job); // what is left of its log comes first
  }

  pill(job) {
    const [kind] = KINDS[job.state] ?? ["idle"], pill = this.part("jobst");
    pill.className = "pill " + kind;
    pill.replaceChildren(kind === "run" ? make("span", "spin") : icon(this.element.dataset.icons, "state-" + job.state), job.word);
  }

  steps(job) {
    const at = job.step ?? -1, good = job.state === "succeeded" || job.state === "warnings";
    this.element.querySelectorAll(".steps li").forEach((item, n) => {
      const mark = good || n < at ? "done" : n !== at ? "" : job.done ? "bad" : "now";
      if (item.dataset.s === mark) return;
      item.dataset.s = mark;
      if (mark === "now") item.setAttribute("aria-current", "step");
      else item.removeAttribute("aria-current");
      item.querySelector(".vh").textContent = mark === "done" ? ", done" : mark === "bad" ? ", ended here" : "";
      if (mark === "now") this.say(job.message);
    });
  }

  // Follows the end only while the reader is there.
  append(lines) {
    const log = this.log, atEnd = log.scrollHeight - log.scrollTop - log.clientHeight < 24;
    for (const [time, level, text] of lines) {
      const line = make("div"), words = make("span", level, text);
      if (level !== "info" && level !== "output") words.prepend(make("span", "vh", level + ": "));
      line.append(make("span", "t", time), " ", words);
      log.append(line);
    }
    while (log.childElementCount > LINES) log.firstElementChild.remove();
    if (atEnd) log.scrollTop = log.scrollHeight;
  }

  say(text) {
    const region = document.getElementById("say");
    if (region) region.textContent = text;
  }

  finish(job) {
    this.leave();
    this.part("jobbar").hidden = job.percent === null;
    this.part("jobhint")?.remove();
    this.part("jobstop")?.close();
    this.part("jobstop")?.remove();
    this.part("jobcancel")?.remove();
    this.element.querySelector("h2").textContent = job.title;
    const summary = this.part("jobsum");
    summary.textContent = job.summary;
    summary.hidden = !job.summary;

    announce(this.element, job.title, job.message || job.summary || "");
  }
}

// Says how a job ended, and lets the parts of the page that show results ask for themselves anew.
function announce(card, title, text) {
  const { exec, state, icons } = card.dataset, [kind, role = "status"] = KINDS[state] ?? ["idle"];
  const notice = make("div", "flash " + kind), line = make("p");
  notice.setAttribute("role", role);
  notice.dataset.state = state;
  line.append(make("b", "", `${title}.`), " ", text);
  notice.append(icon(icons, "state-" + state), line);
  document.getElementById("flash")?.replaceChildren(notice);
  document.body.dispatchEvent(new CustomEvent("raa:jobdone", { bubbles: true, detail: { execId: Number(exec), state } }));
}

let current = null;
let shown = document.querySelector("#job")?.dataset.exec; // the job that the page came with, or got last
function watch() {
  const element = document.querySelector("#job[data-events]");
  if (current && (current.element === element || current.done && !element)) return;
  const another = Boolean(current);
  current?.leave();
  current = element ? new JobCard(element) : null;
  if (current && another) current.say("");
}
watch();
// A card that arrived without a page load, after "Back up now" for instance.
document.addEventListener("htmx:afterSettle", () => {
  const before = current;
  watch();
  if (current && current !== before && !document.querySelector("#flash .flash")) current.say(`${current.element.querySelector("h2").textContent} started`);
  const card = document.querySelector("#job");
  if (!card || card.dataset.exec === shown) return;
  shown = card.dataset.exec;
  // A short job may have ended before its card could watch it.
  if (!card.dataset.events) announce(card, card.querySelector("h2").textContent, card.querySelector("#jobmsg").textContent);
});
