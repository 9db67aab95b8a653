// Files from a person: dropped, pasted, chosen or photographed; single images, whole folders, archives.
import { openCamera } from "./camera.js";
import { el } from "./dom.js";
import { t } from "./texts.js";

const ARCHIVE = /\.(zip|tar|tgz|tar\.gz|tar\.bz2|tar\.xz)$/i;
export const isArchive = (file) => ARCHIVE.test(file.name);

function entries(reader) {
  return new Promise((resolve, reject) => { reader.readEntries(resolve, reject); });
}

async function filesOf(entry) {
  if (entry.isFile) {
    const file = await new Promise((resolve, reject) => { entry.file(resolve, reject); });
    return [{ file, path: entry.fullPath.replace(/^\//, "") }];
  }
  const reader = entry.createReader();
  const found = [];
  for (let some = await entries(reader); some.length > 0; some = await entries(reader)) {
    for (const one of some) found.push(...(await filesOf(one)));
  }
  return found;
}

// Files with the paths that they have below what was dropped.
async function dropped(transfer) {
  const roots = [...transfer.items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
  if (roots.length === 0) return [...transfer.files].map((file) => ({ file, path: file.name }));
  const found = [];
  for (const root of roots) found.push(...(await filesOf(root)));
  return found;
}

function chosen(input) {
  return [...input.files].map((file) => ({ file, path: file.webkitRelativePath || file.name }));
}

function picker(text, attributes, take) {
  const input = el("input", { type: "file", "aria-label": text, ...attributes });
  input.addEventListener("change", async () => {
    const files = chosen(input);
    if (files.length > 0) await take(files);
    input.value = "";
  });
  return el("label", { class: "button" }, text, input);
}

// A place that takes files. ways: which of images, folder, archive, camera are offered.
export function intake(text, ways, take, attributes = {}) {
  const buttons = {
    images: () => picker(t("choose_images"), { accept: "image/*", multiple: true, class: "choose-images" }, take),
    folder: () => picker(t("choose_folder"), { webkitdirectory: "", class: "choose-folder" }, take),
    archive: () => picker(t("choose_archive"), { accept: ".zip,.tar,.tgz,.gz,.bz2,.xz", class: "choose-archive" }, take),
    camera: () => {
      const made = el("button", { type: "button", class: "photograph" }, t("photograph"));
      made.addEventListener("click", () => openCamera((file) => take([{ file, path: file.name }])));
      return made;
    },
  };
  const zone = el("div", { class: "drop", ...attributes }, text ? el("p", {}, text) : null);
  zone.append(el("p", { class: "choices" }, ways.map((way) => buttons[way]())));
  zone.addEventListener("dragover", (event) => {
    event.preventDefault();
    zone.classList.add("over");
  });
  zone.addEventListener("dragleave", () => zone.classList.remove("over"));
  zone.addEventListener("drop", async (event) => {
    event.preventDefault();
    event.stopPropagation();
    zone.classList.remove("over");
    const files = await dropped(event.dataTransfer);
    if (files.length > 0) await take(files);
  });
  return zone;
}

// Images that are pasted go to `take` until the returned function is called.
export function onPaste(take) {
  const listener = (event) => {
    const files = [...(event.clipboardData?.files ?? [])];
    if (files.length === 0) return;
    event.preventDefault();
    take(files.map((file) => ({ file, path: file.name })));
  };
  document.addEventListener("paste", listener);
  return () => document.removeEventListener("paste", listener);
}
