// Sending images and archives into a data set, a few at a time; what is left out is collected with its reason.
import { dataPath, get, post, send } from "./api.js";
import { say } from "./dom.js";
import { isArchive } from "./intake.js";
import { count, t } from "./texts.js";

const AT_ONCE = 4;
const LOOK_MILLISECONDS = 500;
const IMAGE = /\.(jpe?g|jpe|jfif|mpo|png|gif|bmp|dib|tiff?|webp|avif|jp2|j2k|p[pgbn]m|hei[cf]|hif)$/i;

async function all(jobs, work) {
  const waiting = jobs.map((job, number) => [job, number]);
  const workers = Array.from({ length: Math.min(AT_ONCE, jobs.length) }, async () => {
    for (let next = waiting.shift(); next; next = waiting.shift()) await work(...next);
  });
  await Promise.all(workers);
}

// places: of each file its class and split. Returns {added, known, left}: numbers, and [name, reason] of what was left out.
export async function sendImages(name, files, places) {
  const outcome = { added: 0, known: 0, left: [] };
  let done = 0;
  await all(files, async ({ file, path }, number) => {
    const { class_name, split } = places[number];
    try {
      const answer = await send("PUT", dataPath(name, "/images"), file, { class_name, split, shown: path });
      if (answer.known) outcome.known += 1;
      else outcome.added += 1;
    } catch (problem) {
      outcome.left.push([path, problem.message]);
    }
    done += 1;
    say(t("sending", { done: count(done), total: count(files.length) }));
  });
  return outcome;
}

export function toClass(name, files, className) {
  return sendImages(name, files, files.map(() => ({ class_name: className, split: null })));
}

async function sendArchive(name, { file }) {
  say(t("sending_archive"));
  await send("PUT", dataPath(name, "/archive"), file, { shown: file.name });
  for (;;) {
    const { arriving } = await get(dataPath(name));
    if (arriving.ended) {
      if (arriving.problem) throw new Error(arriving.problem);
      return { added: arriving.added, known: arriving.known, left: arriving.left_out, nLeft: arriving.n_left_out };
    }
    say(t("unpacking", { done: count(arriving.done), total: count(arriving.total) }));
    await new Promise((resolve) => { setTimeout(resolve, LOOK_MILLISECONDS); });
  }
}

// A folder of class folders: which class and split each image has is decided by the studio, as for every data set.
async function sendFolder(name, files) {
  const images = files.filter(({ path, file }) => (IMAGE.test(path) || file.type.startsWith("image/")) && !/(^|\/)\./.test(path));
  if (images.length === 0) throw new Error(t("no_images"));
  const places = await post(dataPath(name, "/layout"), { paths: images.map(({ path }) => path) });
  const inside = images.filter((_, number) => places[number].class_name !== null);
  const outcome = await sendImages(name, inside, places.filter((place) => place.class_name !== null));
  for (const [number, { path }] of images.entries()) if (places[number].class_name === null) outcome.left.push([path, t("outside")]);
  return outcome;
}

export async function sendWhole(name, files) {
  return files.length === 1 && isArchive(files[0].file) ? sendArchive(name, files[0]) : sendFolder(name, files);
}

export function told({ added, known, left, nLeft = left.length }) {
  const parts = [t("added", { n: count(added) })];
  if (known) parts.push(t("known", { n: count(known) }));
  if (nLeft) parts.push(t("left_out", { n: count(nLeft) }));
  return parts.join(" ");
}
