// Step 1: the data sets, and making one: from a folder, from an archive, or with classes of one's own.
import { dataPath, get, part, post } from "./api.js";
import { complain, el, field, heading, say } from "./dom.js";
import { isArchive, intake } from "./intake.js";
import { sendWhole, told } from "./sending.js";
import { count, t } from "./texts.js";

const open = (name) => { location.hash = `#/data/${part(name)}`; };

function total(counts) {
  return Object.values(counts).reduce((sum, splits) => sum + Object.values(splits).reduce((a, b) => a + b, 0), 0);
}

// The name for a data set of a dropped folder or archive, which is free.
async function freeName(files) {
  const [{ file, path }] = files;
  const stem = isArchive(file) ? file.name.replace(/\.(zip|tar|tgz|gz|bz2|xz)$/i, "").replace(/\.tar$/i, "") : path.split("/")[0];
  const plain = stem.replace(/[^\p{L}\p{N} _.()-]/gu, "").replace(/^[-. ]+|[. ]+$/g, "") || t("pictures");
  const taken = new Set((await get("/api/data")).map((one) => one.name.toLowerCase()));
  let name = plain;
  for (let number = 2; taken.has(name.toLowerCase()); number += 1) name = `${plain}-${number}`;
  return name;
}

async function takeWhole(files) {
  complain();
  let name;
  try {
    ({ name } = await post("/api/data", { name: await freeName(files) }));
    const outcome = await sendWhole(name, files);
    open(name);
    setTimeout(() => say(told(outcome)), 300);
  } catch (problem) {
    complain(problem);
    say("");
    if (name) await post(dataPath(name, "/drop")).catch(() => {});
  }
}

function creation() {
  const input = el("input", { type: "text", id: "new-name", required: true, autocomplete: "off", maxlength: "60" });
  const form = el("form", { class: "inline" }, field(t("name"), input), el("button", { type: "submit", class: "main" }, t("create")));
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    complain();
    try {
      open((await post("/api/data", { name: input.value })).name);
    } catch (problem) {
      complain(problem);
    }
  });
  return form;
}

function row({ name, counts }) {
  const classes = Object.keys(counts);
  return el("li", {},
    el("a", { href: `#/data/${part(name)}` }, name),
    el("small", {}, t("n_of_classes", { n: count(total(counts)), k: count(classes.length) })),
    el("a", { class: "button", href: `#/train/${part(name)}` }, t("step_train")));
}

export async function show(root) {
  const sets = await get("/api/data");
  root.append(
    heading(t("step_data")),
    el("p", {}, t("data_intro")),
    el("section", { "aria-labelledby": "whole" },
      el("h2", { id: "whole" }, t("from_folder")),
      intake(t("drop_whole"), ["folder", "archive"], takeWhole)),
    el("section", { "aria-labelledby": "own" },
      el("h2", { id: "own" }, t("from_scratch")),
      el("p", {}, t("scratch_intro")),
      creation()),
  );
  if (sets.length > 0) {
    root.append(el("section", { "aria-labelledby": "sets" },
      el("h2", { id: "sets" }, t("your_sets")),
      el("ul", { class: "rows" }, sets.map(row))));
  }
}

