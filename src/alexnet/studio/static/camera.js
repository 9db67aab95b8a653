// Photographs from the camera, one after the other, in a dialog. Without a camera the system's own dialog is opened.
import { button, el } from "./dom.js";
import { t } from "./texts.js";

function withoutCamera(take) {
  const input = el("input", { type: "file", accept: "image/*", capture: "environment" });
  input.addEventListener("change", () => { if (input.files.length > 0) take(input.files[0]); });
  input.click();
}

function photograph(video) {
  const canvas = el("canvas", { width: video.videoWidth, height: video.videoHeight });
  canvas.getContext("2d").drawImage(video, 0, 0);
  return new Promise((resolve) => { canvas.toBlob(resolve, "image/jpeg", 0.92); });
}

export async function openCamera(take) {
  let stream;
  try {
    stream = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "environment" } });
  } catch {
    withoutCamera(take);
    return;
  }
  const video = el("video", { autoplay: true, muted: true, playsInline: true, "aria-label": t("camera") });
  video.srcObject = stream;
  let taken = 0;
  const counter = el("p", { role: "status" });
  const shutter = button(t("photograph"), async () => {
    taken += 1;
    const photo = await photograph(video);
    await take(new File([photo], `photo-${taken}.jpg`, { type: "image/jpeg" }));
    counter.textContent = t("photographed", { n: taken });
  }, { class: "main", id: "shutter" });
  const dialog = el("dialog", { class: "camera", "aria-label": t("camera") }, video, counter);
  const close = button(t("close"), () => dialog.close(), { id: "close-camera" });
  dialog.append(el("p", { class: "choices" }, shutter, close));
  dialog.addEventListener("close", () => {
    for (const track of stream.getTracks()) track.stop();
    dialog.remove();
  });
  document.body.append(dialog);
  dialog.showModal();
}
