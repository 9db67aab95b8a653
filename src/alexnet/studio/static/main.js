// The address after # chooses the view; each view is a module with `show(place, words)`, which may return what ends it.
import { get } from "./api.js";
import { complain, el, say } from "./dom.js";
import { known, t } from "./texts.js";
import * as compare from "./compare.js";
import * as dataset from "./dataset.js";
import * as datasets from "./datasets.js";
import * as take from "./take.js";
import * as train from "./train.js";
import * as tryout from "./try.js";
import * as watch from "./watch.js";

const VIEWS = { data: datasets, train, watch, compare, try: tryout, take };
const STEP_OF = { watch: "train" };
const QUEUE_SECONDS = 4;
const EMPTY_QUEUE_SECONDS = 20; // what this page starts is shown at once
const place = document.getElementById("view");
let end = null;
let turn = 0;
let looking = 0;

function words() {
  return location.hash.replace(/^#\/?/, "").split("/").filter(Boolean).map(decodeURIComponent);
}

async function show() {
  const [name = "data", ...rest] = words();
  const view = name === "data" && rest.length > 0 ? dataset : VIEWS[name] ?? datasets;
  const mine = turn += 1;
  end?.();
  end = null;
  complain();
  say("");
  for (const link of document.querySelectorAll("[data-step]")) {
    const current = link.dataset.step === (STEP_OF[name] ?? name);
    if (current) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  const root = el("div", { class: "view" });
  place.replaceChildren(root);
  try {
    const ended = await view.show(root, rest);
    if (mine === turn) end = ended ?? null;
    else ended?.();
  } catch (problem) {
    complain(problem);
  }
  if (mine === turn) root.querySelector("h1")?.focus({ preventScroll: false });
}

async function showQueue() {
  try {
    const open = await get("/api/queue");
    const running = open.find((job) => job.state !== "waiting");
    const line = document.getElementById("queue");
    line.replaceChildren();
    if (running) {
      const link = el("a", { href: `#/watch/${encodeURIComponent(running.run)}` }, running.run);
      line.append(`${known(`kind_${running.kind}`, running.kind)}: `, link);
    }
    const waiting = open.length - (running ? 1 : 0);
    lookAfter(open.length ? QUEUE_SECONDS : EMPTY_QUEUE_SECONDS);
    if (waiting) line.append(running ? " · " : "", t("waiting", { n: waiting }));
  } catch {
    lookAfter(EMPTY_QUEUE_SECONDS);
  }
}

function lookAfter(seconds) {
  clearTimeout(looking);
  looking = setTimeout(() => document.hidden || showQueue(), 1000 * seconds); // a page that is shown again looks at once
}

document.addEventListener("dragover", (event) => event.preventDefault());
document.addEventListener("drop", (event) => event.preventDefault());
for (const link of document.querySelectorAll(".languages a")) {
  link.addEventListener("click", (event) => {
    event.preventDefault();
    location.assign(`${link.getAttribute("href")}${location.hash}`);
  });
}
document.querySelector(".skip").addEventListener("click", (event) => {
  event.preventDefault();
  place.focus();
});
window.addEventListener("hashchange", show);
window.addEventListener("studio:changed", showQueue);
document.addEventListener("visibilitychange", () => document.hidden || showQueue());
show();
showQueue();
