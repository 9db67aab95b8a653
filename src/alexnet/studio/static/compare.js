// Step 3: runs side by side, their pages, comparisons of systems, and studies of the lecture's claims.
import { get, part, post, reportPath, runPath } from "./api.js";
import { button, el, field, heading, select } from "./dom.js";
import { count, duration, known, percent, size, t } from "./texts.js";

function interval(result) {
  const [low, high] = result.test_interval ?? [null, null];
  return low === null ? "" : `${percent(low)} – ${percent(high)}`;
}

function bars(result) {
  const [low, high] = result.test_interval ?? [0, 0];
  const at = (share) => `${(100 * share).toFixed(2)}`;
  const box = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  box.setAttribute("viewBox", "0 0 100 8");
  box.setAttribute("preserveAspectRatio", "none");
  box.setAttribute("class", "interval");
  box.setAttribute("aria-hidden", "true");
  const rect = (x, width, y, height, name) => {
    const made = document.createElementNS("http://www.w3.org/2000/svg", "rect");
    for (const [key, value] of Object.entries({ x, width, y, height, class: name })) made.setAttribute(key, value);
    box.append(made);
  };
  rect(0, 100, 0, 8, "track");
  rect(at(low), at(high - low), 1, 6, "range");
  rect(Math.max(0, at(result.test_error ?? 0) - 0.4), 0.8, 0, 8, "point");
  return box;
}

function runRow(row) {
  const { result } = row;
  const pages = [el("a", { href: `#/watch/${part(row.name)}` }, t("details"))];
  if (row.report) pages.push(el("a", { href: reportPath(row.name), target: "_blank" }, t("report")));
  if (row.explanation) pages.push(el("a", { href: reportPath(row.name, "explanation/report.html"), target: "_blank" }, t("explanation")));
  else if (row.state === "done") {
    pages.push(button(t("explain"), async (made) => {
      await post(runPath(row.name, "/explain"));
      made.replaceWith(el("span", {}, t("explaining")));
      window.dispatchEvent(new Event("studio:changed"));
    }, { class: "quiet-button" }));
  }
  const cell = (text) => el("td", {}, text);
  const figures = result && !result.damage
    ? [cell(result.model), cell(percent(result.test_error ?? result.validation_error)), el("td", {}, bars(result), el("small", {}, interval(result))),
      cell(count(result.n_train)), cell(duration(result.seconds)), cell(size(result.bytes)), cell(result.predict_milliseconds.toFixed(1))]
    : [el("td", { colspan: 7 }, result?.damage ?? known(`state_${row.state}`, row.state))];
  return el("tr", {}, el("th", { scope: "row" }, row.name), ...figures, el("td", { class: "pages" }, pages));
}

function table(rows) {
  const heads = ["run", "model", "error", "interval", "n_trained", "time", "bytes", "milliseconds", "pages"];
  return el("div", { class: "scroll", tabindex: "0", role: "group", "aria-label": t("runs") }, el("table", { class: "runs" },
    el("thead", {}, el("tr", {}, heads.map((name) => el("th", { scope: "col" }, t(`col_${name}`))))),
    el("tbody", {}, rows.map(runRow))));
}

function otherRow(row) {
  const page = row.report ? el("a", { href: reportPath(row.name), target: "_blank" }, t("open")) : null;
  const resume = ["stopped", "failed"].includes(row.state)
    ? button(t("resume"), () => post(runPath(row.name, "/resume"))) : null;
  return el("li", {}, el("a", { href: `#/watch/${part(row.name)}` }, row.name), el("small", {}, `${known(`kind_${row.kind}`, row.kind)} · ${known(`state_${row.state}`, row.state)}`), page, resume);
}

function wishForm(choices) {
  const sets = [...choices.data.map(({ name }) => [name, name]), ...choices.named.map((name) => [name, t("named", { name })])];
  const data = select(sets, sets[0]?.[0], { id: "study-data" });
  const claim = select([["", t("compare_all")], ...choices.claims.map(({ name, question }) => [name, question])], choices.claims[0]?.name, { id: "claim" });
  const minutes = el("input", { type: "number", id: "study-minutes", min: "1", step: "any", value: "30" });
  const start = button(t("start"), async () => {
    const { run } = await post("/api/study", { data: data.value, claim: claim.value, minutes: Number(minutes.value) });
    location.hash = `#/watch/${part(run)}`;
  }, { class: "main", id: "start-study" });
  return el("div", {}, el("p", {}, t("study_intro")),
    el("div", { class: "inline" }, field(t("data_set"), data), field(t("minutes"), minutes)), field(t("question"), claim), el("p", {}, start));
}

export async function show(root) {
  const [{ rows }, choices] = await Promise.all([get("/api/overview"), get("/api/choices")]);
  const error = (row) => row.result?.test_error ?? row.result?.validation_error ?? 2;
  const runs = rows.filter((row) => row.kind === "run").sort((a, b) => error(a) - error(b));
  const others = rows.filter((row) => row.kind !== "run");
  root.append(heading(t("step_compare")),
    el("section", { "aria-labelledby": "runs" }, el("h2", { id: "runs" }, t("runs")), runs.length > 0 ? table(runs) : el("p", {}, t("no_runs"))),
    el("section", { "aria-labelledby": "study" }, el("h2", { id: "study" }, t("study_title")), wishForm(choices)));
  if (others.length > 0) {
    root.append(el("section", { "aria-labelledby": "others" }, el("h2", { id: "others" }, t("studies")), el("ul", { class: "rows" }, others.map(otherRow))));
  }
}
