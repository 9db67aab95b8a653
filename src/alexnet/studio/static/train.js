// Step 2: what to train, the plan in words, the start, and the queue.
import { get, part, post } from "./api.js";
import { button, complain, el, field, heading, select } from "./dom.js";
import { known, t } from "./texts.js";

const PLAN_MILLISECONDS = 250;

function jobRow(job, again) {
  const link = el("a", { href: `#/watch/${part(job.run)}` }, job.run);
  const state = el("small", {}, `${known(`kind_${job.kind}`, job.kind)} · ${known(`state_${job.state}`, job.state)}`);
  return el("li", {}, link, state, button(job.state === "waiting" ? t("cancel") : t("stop"), async () => {
    await post(`/api/jobs/${job.number}/stop`);
    window.dispatchEvent(new Event("studio:changed"));
    await again();
  }));
}

async function drawQueue(place) {
  const open = await get("/api/queue");
  if (open.length === 0) place.replaceChildren();
  else {
    place.replaceChildren(el("h2", {}, t("queue")), el("p", { class: "quiet" }, t("queue_intro")),
      el("ul", { class: "rows" }, open.map((job) => jobRow(job, () => drawQueue(place)))));
  }
}

class Form {
  constructor(choices, runs, data) {
    const sets = [...choices.data.map(({ name }) => [name, name]), ...choices.named.map((name) => [name, t("named", { name })])];
    const models = [...choices.networks, ...choices.systems].map((name) => [name, name]);
    this.data = select(sets, data, { id: "data" });
    this.minutes = el("input", { type: "number", id: "minutes", min: "0.1", max: "10080", step: "any", value: "10" });
    this.model = select(models, "alexnet", { id: "model" });
    this.recipe = select([["", t("recipe_default")], ...choices.recipes.map((name) => [name, name])], "", { id: "recipe" });
    this.run = select(runs.map((name) => [name, name]), runs[0], { id: "of-run" });
    this.ways = ["best", "model", ...(runs.length > 0 ? ["run"] : [])];
    this.way = "best";
    this.plan = el("div", { id: "plan", role: "status", class: "note" });
    this.extra = { best: [], model: [field(t("model"), this.model), field(t("recipe"), this.recipe)], run: [field(t("of_run"), this.run)] };
  }

  wish() {
    const wish = { data: this.data.value, minutes: Number(this.minutes.value), way: this.way };
    if (this.way === "model") return { ...wish, model: this.model.value, recipe: this.recipe.value };
    if (this.way === "run") return { ...wish, way: "recipe", run: this.run.value };
    return wish;
  }

  draw() {
    const extra = el("div", { class: "inline" });
    const time = field(t("minutes"), this.minutes);
    const choose = (way) => {
      this.way = way;
      extra.replaceChildren(...this.extra[way]);
      time.hidden = way === "run";
      this.replan();
    };
    const ways = this.ways.map((way) => {
      const radio = el("input", { type: "radio", name: "way", value: way, checked: way === this.way });
      radio.addEventListener("change", () => choose(way));
      return el("label", { class: "way" }, radio, el("span", {}, el("b", {}, t(`way_${way}`)), el("small", {}, t(`way_${way}_more`))));
    });
    const start = button(t("start"), async () => {
      const { run } = await post("/api/train", this.wish());
      window.dispatchEvent(new Event("studio:changed"));
      location.hash = `#/watch/${part(run)}`;
    }, { class: "main", id: "start" });
    for (const input of [this.data, this.minutes, this.model, this.recipe, this.run]) input.addEventListener("input", () => this.replan());
    const fields = el("fieldset", { class: "ways" }, el("legend", {}, t("what")), ways);
    choose("best");
    return el("div", {}, el("div", { class: "inline" }, field(t("data_set"), this.data), time), fields, extra,
      el("h2", {}, t("plan")), this.plan, el("p", {}, start));
  }

  replan() {
    clearTimeout(this.timer);
    this.timer = setTimeout(async () => {
      const mine = this.turn = (this.turn ?? 0) + 1;
      try {
        const { lines } = await post("/api/plan", this.wish());
        if (mine === this.turn) this.plan.replaceChildren(...lines.map((line) => el("p", {}, line)));
      } catch (problem) {
        if (mine === this.turn) this.plan.replaceChildren(el("p", { class: "problem" }, problem.message));
      }
    }, PLAN_MILLISECONDS);
  }
}

export async function show(root, [data]) {
  const [choices, { rows }] = await Promise.all([get("/api/choices"), get("/api/overview")]);
  const runs = rows.filter((row) => row.kind === "run" && row.state === "done").map((row) => row.name);
  const queue = el("section", {});
  root.append(heading(t("step_train")));
  if (choices.data.length === 0) root.append(el("p", {}, t("no_sets"), " ", el("a", { href: "#/data" }, t("step_data"))));
  const first = data ?? choices.data[0]?.name ?? choices.named[0];
  root.append(new Form(choices, runs, first).draw(), queue);
  complain();
  await drawQueue(queue);
}
