// The page's events: files that are dropped, pasted, chosen or photographed are classified, one in detail or many as a table.
import { classify, describeModels } from "./api.js";
import { showAbout, showMany, showOne, showStatus } from "./view.js";
import { text } from "./texts.js";

const model = document.getElementById("model");
const drop = document.getElementById("drop");
let models = [];

async function answer(list) {
  const files = [...list].filter((file) => file.size > 0);
  if (files.length === 0) {
    showStatus(text("nothing"), true);
    return;
  }
  showStatus(text("working"));
  try {
    const answers = await classify(files, model.value, (done) => showStatus(`${text("working")} ${done}/${files.length}`));
    if (files.length === 1 && answers[0].error === null) showOne(files[0], answers[0], model.value);
    else showMany(answers);
    showStatus(text("done"));
  } catch (problem) {
    showStatus(problem.message, true);
  }
}

for (const id of ["files", "camera"]) {
  document.getElementById(id).addEventListener("change", (event) => {
    answer(event.target.files).finally(() => { event.target.value = ""; });
  });
}
document.addEventListener("paste", (event) => {
  if (event.clipboardData.files.length > 0) answer(event.clipboardData.files);
});
document.addEventListener("dragover", (event) => {
  event.preventDefault();
  drop.classList.add("over");
});
document.addEventListener("dragleave", () => drop.classList.remove("over"));
document.addEventListener("drop", (event) => {
  event.preventDefault();
  drop.classList.remove("over");
  answer(event.dataTransfer.files);
});
model.addEventListener("change", () => showAbout(models.find((one) => one.name === model.value)));

describeModels().then((found) => {
  models = found;
  showAbout(models.find((one) => one.name === model.value));
}, (problem) => showStatus(problem.message, true));
