// One data set: its classes and images, adding to them, moving and deleting with undo, what was found.
import { dataPath, get, part, post } from "./api.js";
import { button, complain, el, field, heading, list, say } from "./dom.js";
import { showFindings } from "./findings.js";
import { grid } from "./grid.js";
import { intake, onPaste } from "./intake.js";
import { sendWhole, toClass, told } from "./sending.js";
import { count, t } from "./texts.js";

const sum = (splits) => Object.values(splits).reduce((a, b) => a + b, 0);

class View {
  constructor(root, name) {
    this.root = root;
    this.name = name;
    this.chosen = new Map(); // of selected images: key -> {class_name, split, file}
    this.target = null; // the class that pasted images go to
  }

  async draw() {
    const found = await get(dataPath(this.name));
    this.found = found;
    this.chosen.clear();
    const classes = Object.keys(found.counts);
    if (!classes.includes(this.target)) this.target = classes[0] ?? null;
    const total = Object.values(found.counts).reduce((all, splits) => all + sum(splits), 0);
    this.root.replaceChildren(
      heading(this.name),
      el("p", { class: "lead" }, t("n_of_classes", { n: count(total), k: classes.length }), " ", el("small", {}, found.path)),
      el("p", {}, this.splitLine(found), total > 0 ? ` ${this.sizes(found.sizes)}` : ""),
      this.actions(classes),
      ...classes.map((name) => this.classSection(name, found.counts[name])),
      this.adding(),
    );
    this.findings = el("section", { "aria-labelledby": "findings" });
    if (total > 0) this.root.append(this.findings);
    this.endFindings?.();
    this.endFindings = total > 0 ? showFindings(this.findings, this.name, (place) => this.refer(place)) : null;
    this.root.append(el("p", { class: "next" }, el("a", { class: "button main", href: `#/train/${part(this.name)}` }, t("next_train"))));
  }

  splitLine({ splits, fixed }) {
    if (splits.length > 0) return t("own_split", { splits: splits.map((split) => t(`split_${split}`)).join(t("comma")) });
    return fixed ? t("fixed_split") : t("made_split");
  }

  sizes({ train, validation, test }) {
    return t("sizes", { train: count(train), validation: count(validation), test: count(test) });
  }

  async redraw(message) {
    const { scrollY } = window;
    await this.draw();
    window.scrollTo(0, scrollY);
    if (message) say(message);
    window.dispatchEvent(new Event("studio:changed"));
  }

  async take(files, className) {
    complain();
    const outcome = className ? await toClass(this.name, files, className) : await sendWhole(this.name, files);
    await this.redraw(told(outcome));
    if (outcome.left.length > 0) document.getElementById("problem").replaceChildren(t("left_out_list"), list(outcome.left.slice(0, 50)));
  }

  taking(className) {
    return async (files) => {
      try {
        await this.take(files, className);
      } catch (problem) {
        complain(problem);
      }
    };
  }

  adding() {
    const input = el("input", { type: "text", id: "class-name", required: true, autocomplete: "off", maxlength: "60" });
    const form = el("form", { class: "inline" }, field(t("class_name"), input), el("button", { type: "submit" }, t("add_class")));
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      try {
        complain();
        const { name } = await post(dataPath(this.name, "/classes"), { name: input.value });
        this.target = name;
        await this.redraw();
        document.getElementById("class-name").focus();
      } catch (problem) {
        complain(problem);
      }
    });
    const whole = intake(t("drop_whole"), ["folder", "archive"], this.taking(null));
    return el("section", { "aria-labelledby": "more" }, el("h2", { id: "more" }, t("more_classes")), form, whole);
  }

  classSection(name, splits) {
    const id = `class-${Object.keys(this.found.counts).indexOf(name)}`;
    const section = el("section", { class: "class", "aria-labelledby": id, "data-class": name });
    section.append(el("h2", { id }, name, " ", el("small", {}, count(sum(splits)))));
    const zone = intake(null, ["images", "camera"], this.taking(name));
    zone.querySelector(".choices").append(button(t("remove_class"), async () => {
      await post(dataPath(this.name, "/classes/remove"), { name });
      await this.redraw(t("removed_class", { name }));
    }, { class: "quiet-button" }));
    for (const split of Object.keys(splits)) {
      const own = split === "all" ? null : split;
      if (own) zone.append(el("h3", {}, t(`split_${split}`), " ", el("small", {}, count(splits[split]))));
      if (splits[split] > 0) zone.append(grid(this.name, name, own, splits[split], (place, on) => this.choose(place, on)));
    }
    section.addEventListener("focusin", () => { this.target = name; });
    section.addEventListener("pointerdown", () => { this.target = name; });
    section.append(zone);
    return section;
  }

  actions(classes) {
    const to = el("select", { id: "move-to", "aria-label": t("move_to") }, classes.map((name) => el("option", { value: name }, name)));
    this.number = el("span", { id: "chosen" }, t("chosen", { n: 0 }));
    const images = () => ({ images: [...this.chosen.values()], to: to.value });
    this.stepping = [
      button(t("move"), async () => {
        const { moved } = await post(dataPath(this.name, "/move"), images());
        await this.redraw(t("moved", { n: moved, name: to.value }));
      }, { id: "move" }),
      button(t("delete"), async () => {
        const { moved } = await post(dataPath(this.name, "/delete"), images());
        await this.redraw(t("deleted", { n: moved }));
      }, { id: "delete" }),
    ];
    const { steps, files } = this.found.bin;
    const undo = button(t("undo"), async () => {
      await post(dataPath(this.name, "/undo"));
      await this.redraw(t("undone"));
    }, { id: "undo", hidden: steps === 0 });
    const empty = button(t("empty_bin", { n: count(files) }), async () => {
      await post(dataPath(this.name, "/empty-bin"));
      await this.redraw(t("bin_emptied"));
    }, { class: "quiet-button", hidden: files === 0 });
    const bar = el("div", { class: "actions", role: "group", "aria-label": t("chosen_images") }, this.number, to, ...this.stepping, undo, empty);
    this.marking = () => {
      this.number.textContent = t("chosen", { n: count(this.chosen.size) });
      for (const one of [to, ...this.stepping, this.number]) one.hidden = this.chosen.size === 0;
    };
    this.marking();
    return bar;
  }

  choose(place, on) {
    const key = JSON.stringify(place);
    if (on) this.chosen.set(key, place);
    else this.chosen.delete(key);
    this.marking();
  }

  async refer(place) {
    await post(dataPath(this.name, "/delete"), { images: [place] });
    await this.redraw(t("deleted", { n: 1 }));
  }
}

export async function show(root, [name]) {
  const view = new View(root, name);
  await view.draw();
  const endPaste = onPaste((files) => { if (view.target) view.taking(view.target)(files); });
  return () => {
    endPaste();
    view.endFindings?.();
  };
}
