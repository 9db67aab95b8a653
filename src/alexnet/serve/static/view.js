// What the page shows. Everything that comes from a file or a model is set as text, never as markup.
import { explain } from "./api.js";
import { csvOf } from "./csv.js";
import { percent, text } from "./texts.js";

const one = document.getElementById("one");
const many = document.getElementById("many");
const button = document.getElementById("csv");

function element(tag, content = "", attributes = {}) {
  const made = document.createElement(tag);
  made.textContent = content;
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  return made;
}

export function showStatus(words, problem = false) {
  const status = document.getElementById("status");
  status.textContent = words;
  status.classList.toggle("problem", problem);
}

function reveal(table) {
  document.getElementById("answers").hidden = false;
  document.getElementById("table").hidden = !table;
  button.hidden = !table;
  for (const image of one.querySelectorAll("img")) URL.revokeObjectURL(image.src);
  one.replaceChildren();
}

export function showOne(file, answer, model) {
  reveal(false);
  const image = element("img", "", { alt: answer.file, src: URL.createObjectURL(file) });
  image.addEventListener("load", () => image.classList.toggle("small", image.naturalWidth < 100));
  const figure = document.createElement("figure");
  const bars = element("table", "", { class: "bars" });
  bars.append(element("caption", answer.file, { class: "hidden" }));
  for (const { class: name, probability } of answer.top) {
    const row = document.createElement("tr");
    const bar = document.createElement("td");
    bar.append(element("progress", "", { value: probability, max: 1, "aria-label": name }));
    row.append(element("th", name, { scope: "row" }), bar, element("td", percent(probability)));
    bars.append(row);
  }
  const why = element("button", text("why"), { type: "button", id: "why" });
  why.addEventListener("click", () => showWhy(why, image, file, answer, model));
  figure.append(image, document.createElement("p"), why);
  one.append(figure, bars);
  if (answer.unlike) one.append(element("p", text("unlike"), { class: "problem" }));
}

async function showWhy(why, image, file, answer, model) {
  why.disabled = true;
  showStatus(text("explaining"));
  try {
    const found = await explain(file, model, answer.top[0].class);
    image.src = `data:image/png;base64,${found.overlay}`;
    image.alt = `${answer.file}: ${text("overlay")}`;
    why.replaceWith(element("p", text("overlay")));
    showStatus(text("done"));
  } catch (problem) {
    why.disabled = false;
    showStatus(problem.message, true);
  }
}

export function showMany(answers) {
  reveal(true);
  const rows = answers.map(({ file, top, error, unlike }) => {
    const row = document.createElement("tr");
    const best = top[0];
    const result = element("td", best ? best.class : error, { class: best ? "left" : "left problem" });
    row.append(element("th", file, { scope: "row" }), result, element("td", best ? percent(best.probability) : ""));
    row.append(element("td", unlike ? text("unlike_short") : "", { class: "left" }));
    return row;
  });
  many.tBodies[0].replaceChildren(...rows);
  button.onclick = () => {
    const url = URL.createObjectURL(new Blob([csvOf(answers)], { type: "text/csv" }));
    element("a", "", { href: url, download: "predictions.csv" }).click();
    setTimeout(() => URL.revokeObjectURL(url), 1000);
  };
}

// "12.8% (8.7% to 18.5%, n = 179)", the error in the first views that the run was tested in; undefined without a test.
function testError(scores) {
  const test = Object.values(scores).find((value) => value && typeof value.top1_error === "number");
  if (!test) return undefined;
  const [error, low, high] = [test.top1_error, ...test.interval].map((share) => `${(100 * share).toFixed(1)}%`);
  return `${error} (${low} – ${high}, n = ${test.n.toLocaleString()})`;
}

export function showAbout(model) {
  const { validation_error: validation } = model.scores;
  const tested = testError(model.scores);
  const pairs = [
    [text("kind"), model.model],
    [text("classes"), model.classes.join(", ")],
    [text("size"), `${model.image_size} px`],
    ...(tested ? [[text("test_error"), tested]] : []),
    ...(typeof validation === "number" ? [[text("validation_error"), `${(100 * validation).toFixed(1)}%`]] : []),
  ];
  document.getElementById("about").replaceChildren(...pairs.flatMap(([name, value]) => [element("dt", name), element("dd", value)]));
}
