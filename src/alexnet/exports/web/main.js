// The page: files, paste, drop and the camera in; the five most likely classes out. Names are set as text, never as markup.
import { classify, openModel } from "./model.js";

const lang = new URLSearchParams(location.search).get("lang") ?? navigator.language;
const model = await openModel().catch((problem) => {
  document.getElementById("notice").append(` (${problem.message})`);
  throw problem;
});
const texts = model.description.texts[lang.startsWith("zh") ? "zh" : "en"];
const one = document.getElementById("one");
const video = document.getElementById("video");
let busy = false;

function percent(share) {
  return share >= 0.995 ? texts.over_99 : `${(100 * share).toFixed(share < 0.01 ? 2 : 0)}%`;
}

function element(tag, content = "", attributes = {}) {
  const made = document.createElement(tag);
  made.textContent = content;
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  return made;
}

function status(words, problem = false) {
  const shown = document.getElementById("status");
  shown.textContent = words;
  shown.classList.toggle("problem", problem);
}

function bars(answers) {
  const table = element("table", "", { class: "bars" });
  table.append(element("caption", texts.answers, { class: "hidden" }));
  for (const { name, probability } of answers.slice(0, 5)) {
    const row = document.createElement("tr");
    const bar = document.createElement("td");
    bar.append(element("progress", "", { value: probability, max: 1, "aria-label": name }));
    row.append(element("th", name, { scope: "row" }), bar, element("td", percent(probability)));
    table.append(row);
  }
  return table;
}

async function answer(list) {
  if (busy) return;
  busy = true;
  one.replaceChildren();
  document.getElementById("answers").hidden = false;
  for (const file of list) {
    status(texts.working);
    const figure = element("figure");
    const image = element("img", "", { alt: file.name, src: URL.createObjectURL(file) });
    image.addEventListener("load", () => image.classList.toggle("small", image.naturalWidth < 100));
    try {
      figure.append(image, element("figcaption", file.name), bars(await classify(model, file)));
    } catch {
      figure.append(element("p", `${file.name}: ${texts.unreadable}`, { class: "problem" }));
    }
    one.append(figure);
  }
  status(texts.done);
  busy = false;
}

async function watch() {
  while (video.srcObject) {
    if (video.videoWidth > 0) document.getElementById("live").replaceChildren(bars(await classify(model, video)));
    await new Promise((resolve) => { setTimeout(resolve, 200); });
  }
}

document.getElementById("camera").addEventListener("click", async (event) => {
  if (video.srcObject) {
    for (const track of video.srcObject.getTracks()) track.stop();
    video.srcObject = null;
    document.getElementById("live").replaceChildren();
  } else {
    try {
      video.srcObject = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "environment" } });
      await video.play();
      watch();
    } catch {
      status(texts.no_camera, true);
    }
  }
  video.hidden = !video.srcObject;
  event.target.textContent = video.srcObject ? texts.stop : texts.camera;
});

document.getElementById("files").addEventListener("change", (event) => answer([...event.target.files]).finally(() => { event.target.value = ""; }));
document.addEventListener("paste", (event) => { if (event.clipboardData.files.length > 0) answer([...event.clipboardData.files]); });
document.addEventListener("dragover", (event) => event.preventDefault());
document.addEventListener("drop", (event) => {
  event.preventDefault();
  answer([...event.dataTransfer.files]);
});

document.documentElement.lang = lang.startsWith("zh") ? "zh-Hans" : "en";
document.title = texts.title;
for (const place of document.querySelectorAll("[data-text]")) place.textContent = texts[place.dataset.text];
const { model: kind, classes, image_size: size, validation_error: error } = model.description;
const pairs = [[texts.kind, kind], [texts.classes, classes.join(", ")], [texts.size, `${size} px`]];
if (typeof error === "number") pairs.push([texts.validation_error, `${(100 * error).toFixed(1)}%`]);
document.getElementById("about").append(...pairs.flatMap(([name, value]) => [element("dt", name), element("dd", value)]));
document.getElementById("notice").hidden = true;
document.getElementById("page").hidden = false;
