// Building the page. Everything that comes from a file, a folder or a person is set as text, never as markup.
import { t } from "./texts.js";

export function el(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === false || value === null || value === undefined) continue;
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else if (name === "class") made.className = value;
    else if (name in made && typeof value !== "string") made[name] = value;
    else made.setAttribute(name, value);
  }
  made.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return made;
}

export function svg(tag, attributes = {}, ...children) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

export function say(text) {
  document.getElementById("status").textContent = text;
}

export function complain(problem) {
  document.getElementById("problem").textContent = problem ? problem.message ?? String(problem) : "";
  if (problem) say("");
}

// A button that is off while its work is done, and whose failure is shown.
export function button(text, work, attributes = {}) {
  const made = el("button", { type: "button", ...attributes }, text);
  made.addEventListener("click", async () => {
    made.disabled = true;
    complain();
    try {
      await work(made);
    } catch (problem) {
      complain(problem);
    } finally {
      made.disabled = false;
    }
  });
  return made;
}

export function field(label, input, hint) {
  return el("label", { class: "field" }, el("span", {}, label), input, hint ? el("small", {}, hint) : null);
}

export function select(options, chosen, attributes = {}) {
  const made = el("select", attributes);
  for (const [value, text] of options) made.append(el("option", { value, selected: value === chosen }, text));
  return made;
}

export function figures(pairs) {
  const shown = pairs.filter(([, value]) => value !== undefined && value !== null && value !== "");
  return el("dl", { class: "pairs" }, shown.flatMap(([name, value]) => [el("dt", {}, name), el("dd", {}, value)]));
}

export function bar(share, label) {
  return el("progress", { max: 1, value: share, "aria-label": label });
}

// The title of a view; the browser's title follows it.
export function heading(text, ...more) {
  document.title = `${text} – ${t("title")}`;
  return el("h1", { tabindex: "-1" }, text, ...more);
}

export function list(problems) {
  return el("ul", { class: "left-out" }, problems.map(([name, reason]) => el("li", {}, el("b", {}, name), ` ${reason}`)));
}
