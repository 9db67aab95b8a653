// Step 4: a finished run on an image: its classes, why, and what to do if it is wrong.
import { get, part, post, runPath, send } from "./api.js";
import { bar, button, complain, el, field, heading, say, select } from "./dom.js";
import { intake, onPaste } from "./intake.js";
import { certainty, t } from "./texts.js";

export async function finishedRuns() {
  const { rows } = await get("/api/overview");
  return rows.filter((row) => row.kind === "run" && row.state === "done").map((row) => row.name);
}

export function runSelect(step, runs, run) {
  const chosen = select(runs.map((name) => [name, name]), run, { id: "run" });
  chosen.addEventListener("change", () => { location.hash = `#/${step}/${part(chosen.value)}`; });
  return field(t("run"), chosen);
}

export function noRuns(root, title) {
  root.append(heading(title), el("p", {}, t("no_finished"), " ", el("a", { href: "#/train" }, t("step_train"))));
}

class View {
  constructor(run) {
    this.run = run;
    this.place = el("section", { id: "answer", "aria-live": "polite" });
  }

  async take(files) {
    complain();
    const [{ file }] = files;
    say(t("classifying"));
    try {
      const found = await send("POST", runPath(this.run, "/try"), file, { shown: file.name });
      this.draw(file, found);
      say("");
    } catch (problem) {
      this.place.replaceChildren();
      complain(problem);
    }
  }

  draw(file, found) {
    if (this.url) URL.revokeObjectURL(this.url);
    this.url = URL.createObjectURL(file);
    const image = el("img", { src: this.url, alt: file.name, class: "tried" });
    image.addEventListener("load", () => image.classList.toggle("small", image.naturalWidth < 100));
    const rows = found.top.map((one) => el("tr", {}, el("th", { scope: "row" }, one.class), el("td", {}, bar(one.probability, one.class)),
      el("td", {}, certainty(one.probability))));
    const near = el("div", {});
    const why = button(t("why"), () => this.explain(file, found.top[0].class, image, near, why), { id: "why" });
    this.place.replaceChildren(el("h2", {}, found.top[0].class),
      el("div", { class: "answer" }, el("figure", {}, image), el("div", {}, el("table", { class: "bars" }, el("tbody", {}, rows)),
        found.unlike ? el("p", { class: "note" }, t("unlike")) : null, el("p", {}, why))),
      near, this.correction(file, found));
  }

  async explain(file, name, image, near, why) {
    say(t("covering"));
    const found = await send("POST", runPath(this.run, "/why"), file, { class_name: name });
    image.src = `data:image/png;base64,${found.overlay}`;
    image.alt = t("overlay");
    why.replaceWith(el("p", { id: "overlay" }, t("overlay")));
    const shown = found.near.map((one) => el("li", {}, el("figure", {},
      el("img", { src: `${runPath(this.run, "/image")}?${new URLSearchParams({ file: one.file })}`, alt: one.file }),
      el("figcaption", {}, one.class, el("small", {}, t("similarity", { n: one.similarity.toFixed(2) }))))));
    near.replaceChildren(el("h3", {}, t("nearest")), shown.length > 0 ? el("ul", { class: "gallery near" }, shown) : el("p", { class: "quiet" }, found.missing ?? ""));
    if (found.compared) near.append(el("p", { class: "quiet" }, t("compared", { n: found.compared })));
    say("");
  }

  correction(file, found) {
    if (!found.data) return el("p", { class: "quiet" }, t("cannot_correct"));
    const others = found.classes.map((name) => [name, name]);
    const right = select(others, found.top[1]?.class ?? found.classes[0], { id: "right-class" });
    const outcome = el("div", { id: "corrected", role: "status" });
    const send_ = button(t("add_correction"), async () => {
      const added = await send("POST", runPath(this.run, "/wrong"), file, { class_name: right.value });
      outcome.replaceChildren(el("p", {}, t(`correction_${added.outcome}`, { data: added.data, name: right.value })),
        button(t("train_again"), async () => {
          const { run } = await post(runPath(this.run, "/again"));
          window.dispatchEvent(new Event("studio:changed"));
          location.hash = `#/watch/${part(run)}`;
        }, { class: "main", id: "again" }));
    }, { id: "wrong" });
    return el("section", { "aria-labelledby": "is-wrong" }, el("h3", { id: "is-wrong" }, t("is_wrong")),
      el("p", {}, t("wrong_intro", { data: found.data })), el("div", { class: "inline" }, field(t("right_class"), right), send_), outcome);
  }
}

export async function show(root, [asked]) {
  const runs = await finishedRuns();
  const run = runs.includes(asked) ? asked : runs[0];
  if (!run) {
    noRuns(root, t("step_try"));
    return undefined;
  }
  const view = new View(run);
  root.append(heading(t("step_try")), runSelect("try", runs, run),
    intake(t("drop_image"), ["images", "camera"], (files) => view.take(files)), view.place);
  return onPaste((files) => view.take(files));
}
