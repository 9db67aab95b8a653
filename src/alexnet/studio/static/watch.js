// A training while it runs: how far, curves, errors per class, filters, images that are wrong right now; stop and resume.
import { part, post, reportPath, runPath, watch } from "./api.js";
import { bar, button, complain, el, figures, heading } from "./dom.js";
import { curves } from "./plots.js";
import { certainty, count, duration, known, lang, percent, t } from "./texts.js";

const MOST_ROWS = 1000;

function merged(rows, more) {
  const byStep = new Map(rows.map((row) => [row.step ?? row.epoch, row]));
  for (const row of more) byStep.set(row.step ?? row.epoch, row);
  const all = [...byStep.values()].sort((a, b) => a.epoch - b.epoch);
  return all.length <= MOST_ROWS ? all : all.filter((_, number) => number % 2 === 0 || number === all.length - 1);
}

class View {
  constructor(root, run) {
    this.run = run;
    this.rows = [];
    this.now = {};
    this.parts = Object.fromEntries(["state", "progress", "result", "curves", "classes", "wrong", "filters", "tried"]
      .map((name) => [name, el("section", { class: `watch-${name}` })]));
    root.append(heading(run), ...Object.values(this.parts));
  }

  hear(message) {
    if (message.whole) this.rows = merged([], message.rows ?? []);
    else if (message.rows) this.rows = merged(this.rows, message.rows);
    Object.assign(this.now, message);
    if ("row" in message) this.drawState();
    if ("row" in message || "progress" in message || "search" in message) this.drawProgress();
    if (message.rows) this.parts.curves.replaceChildren(...curves(this.rows));
    if ("validation" in message || "row" in message) this.drawValidation();
    if ("filters" in message || "row" in message) this.drawFilters();
    if ("search" in message) this.drawTried();
  }

  act(text, path, attributes) {
    return button(text, async () => {
      await post(path);
      window.dispatchEvent(new Event("studio:changed"));
    }, attributes);
  }

  drawState() {
    const { row } = this.now;
    if (!row) return;
    const running = ["running", "waiting", "stopping"].includes(row.state);
    this.parts.state.replaceChildren(
      el("p", { class: `state state-${row.state}`, id: "state" }, known(`state_${row.state}`, row.state)),
      running && row.job ? this.act(row.state === "waiting" ? t("cancel") : t("stop"), `/api/jobs/${row.job}/stop`, { id: "stop" }) : "",
      ["stopped", "failed"].includes(row.state) ? this.act(t("resume"), runPath(this.run, "/resume"), { id: "resume", class: "main" }) : "",
      row.problem ? el("p", { class: "problem", id: "why-failed" }, row.problem[lang]) : "",
      row.message ? el("details", { open: row.state !== "stopped" && !row.problem }, el("summary", {}, t("last_lines")), el("pre", { class: "log", tabindex: "0" }, row.message)) : "",
    );
    this.parts.result.replaceChildren(...(row.state === "done" ? this.result(row) : []));
    if (row.state === "done") window.dispatchEvent(new Event("studio:changed"));
  }

  result(row) {
    const links = [row.report ? el("a", { href: reportPath(this.run), target: "_blank", id: "report" }, t("report")) : null];
    const { result } = row;
    if (result) {
      links.push(el("a", { class: "button main", href: `#/try/${part(this.run)}`, id: "to-try" }, t("step_try")),
        el("a", { class: "button", href: `#/take/${part(this.run)}` }, t("step_take")));
    }
    const interval = result?.test_interval ? ` (${percent(result.test_interval[0])} – ${percent(result.test_interval[1])})` : "";
    const shown = result ? figures([
      [t("model"), result.model],
      [t("test_error"), result.test_error === null ? t("no_test") : `${percent(result.test_error)}${interval}`],
      [t("validation_error"), percent(result.validation_error)],
      [t("images"), t("trained_tested", { train: count(result.n_train), test: count(result.n_test) })],
      [t("time"), duration(result.seconds)],
    ]) : null;
    return [el("h2", {}, t("result")), shown, el("p", { class: "choices" }, links.filter(Boolean))].filter(Boolean);
  }

  drawProgress() {
    const { row, progress, search } = this.now;
    if (!row || !["running", "stopping", "elsewhere"].includes(row.state)) {
      this.parts.progress.replaceChildren();
      return;
    }
    const share = progress?.share;
    const budget = search?.request?.budget_seconds;
    const left = budget ? budget - search.seconds - (Date.now() / 1000 - search.at) : progress?.seconds_left;
    this.parts.progress.replaceChildren(
      el("p", {}, progress?.model ? `${progress.model}: ${known(`phase_${progress.phase}`, t("phase_starting"))}` : t("phase_starting")),
      typeof share === "number" ? bar(share, t("progress")) : el("progress", { "aria-label": t("progress") }),
      figures([
        [t("time_left"), typeof left === "number" && left > 0 ? duration(left) : undefined],
        [t("epoch"), progress?.epoch ? progress.epoch.toFixed(1) : undefined],
        [t("loss"), progress?.loss ? progress.loss.toFixed(3) : undefined],
        [t("speed"), progress?.images_per_second ? t("per_second", { n: count(Math.round(progress.images_per_second)) }) : undefined],
      ]),
      progress?.message ? el("p", { class: "quiet" }, progress.message) : "",
    );
  }

  drawValidation() {
    const { validation } = this.now;
    if (!validation || this.now.row?.state === "done") {
      this.parts.classes.replaceChildren();
      this.parts.wrong.replaceChildren();
      return;
    }
    const lines = validation.classes.map((one) => el("tr", {}, el("th", { scope: "row" }, one.class),
      el("td", {}, bar(one.wrong / one.n, one.class)), el("td", {}, t("wrong_of", { wrong: count(one.wrong), n: count(one.n) }))));
    this.parts.classes.replaceChildren(el("h2", {}, t("per_class")), el("div", { class: "scroll", tabindex: "0", role: "group", "aria-label": t("per_class") },
      el("table", { class: "bars" }, el("tbody", {}, lines))));
    const wrong = validation.wrong.map((one) => el("li", {}, el("figure", {},
      el("img", { src: `${runPath(this.run, "/image")}?${new URLSearchParams({ file: one.file })}`, alt: one.file, loading: "lazy" }),
      el("figcaption", {}, el("span", { class: "wrong" }, one.predicted), ` ${certainty(one.probability)}`, el("small", {}, t("is_a", { name: one.class }))))));
    this.parts.wrong.replaceChildren(...(wrong.length > 0 ? [el("h2", {}, t("wrong_now")), el("ul", { class: "gallery" }, wrong)] : []));
  }

  drawFilters() {
    const { filters, row } = this.now;
    const image = filters && row?.state !== "done"
      ? [el("h2", {}, t("filters")), el("img", { class: "mosaic", src: `${runPath(this.run, "/filters")}?v=${filters}`, alt: t("filters_alt") })] : [];
    this.parts.filters.replaceChildren(...image);
  }

  drawTried() {
    const tried = this.now.search?.tried ?? [];
    const lines = tried.map((one) => el("tr", {}, el("th", { scope: "row" }, one.model),
      el("td", {}, one.error === null ? known(`why_${one.why_not}`, "–") : percent(one.error)), el("td", {}, one.seconds ? duration(one.seconds) : "")));
    this.parts.tried.replaceChildren(...(lines.length === 0 ? [] : [el("h2", {}, t("tried")),
      el("div", { class: "scroll", tabindex: "0", role: "group", "aria-label": t("tried") }, el("table", {},
        el("thead", {}, el("tr", {}, el("th", { scope: "col" }, t("model")), el("th", { scope: "col" }, t("validation_error")), el("th", { scope: "col" }, t("time")))),
        el("tbody", {}, lines)))]));
  }
}

export async function show(root, [run]) {
  const view = new View(root, run);
  complain();
  return watch(run, (message) => view.hear(message));
}
