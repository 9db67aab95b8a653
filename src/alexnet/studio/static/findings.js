// What was found in a data set: unreadable files, duplicates, imbalance. It is looked for in the background.
import { dataPath, get } from "./api.js";
import { button, el, list } from "./dom.js";
import { count, t } from "./texts.js";

const LOOK_MILLISECONDS = 700;
const UNEVEN = 5; // times as many images, beyond which a warning is shown; as in data/balance.py
const SMALL = 20; // images of a class
const SHOWN = 12;

function placeOf(file) {
  const parts = file.split("/");
  const split = parts.length > 2 ? parts[0] : null;
  return { split, class_name: parts[parts.length - 2], file: parts[parts.length - 1] };
}

function thumbnail(name, file) {
  const place = placeOf(file);
  const query = new URLSearchParams({ class_name: place.class_name, file: place.file, ...(place.split ? { split: place.split } : {}) });
  return el("img", { src: `${dataPath(name, "/thumbnail")}?${query}`, alt: file, loading: "lazy", width: 72, height: 72 });
}

function pairs(name, title, found, remove) {
  if (found.n === 0) return null;
  const shown = found.first.slice(0, SHOWN).map((pair) => {
    const [first, second] = Array.isArray(pair) ? pair : [pair.first, pair.second];
    return el("li", { class: "pair" }, thumbnail(name, first), thumbnail(name, second),
      el("small", {}, `${first} = ${second}`),
      button(t("delete_second"), () => remove(placeOf(second))));
  });
  return el("details", {}, el("summary", {}, title), el("ul", { class: "pairs-list" }, shown));
}

function lines(name, found, counts, remove) {
  const small = Object.entries(counts).filter(([, splits]) => Object.values(splits).reduce((a, b) => a + b, 0) < SMALL).map(([one]) => one);
  const labels = { n: found.suspects.first.filter((one) => one.problem === "two labels").length,
    first: found.suspects.first.filter((one) => one.problem === "two labels") };
  const across = { n: found.suspects.first.filter((one) => one.problem === "across splits").length,
    first: found.suspects.first.filter((one) => one.problem === "across splits") };
  const unreadable = found.unreadable.n === 0 ? null
    : el("details", {}, el("summary", {}, t("found_unreadable", { n: count(found.unreadable.n) })),
      list(found.unreadable.first.map((one) => [one.file, one.reason])));
  return [
    unreadable,
    pairs(name, t("found_two_labels", { n: count(labels.n) }), labels, remove),
    pairs(name, t("found_across", { n: count(across.n) }), across, remove),
    pairs(name, t("found_exact", { n: count(found.exact.n) }), found.exact, remove),
    pairs(name, t("found_near", { n: count(found.near.n) }), found.near, remove),
    found.imbalance > UNEVEN ? el("p", {}, t("found_imbalance", { n: found.imbalance.toFixed(1) })) : null,
    small.length > 0 ? el("p", {}, t("found_small", { n: SMALL, names: small.slice(0, 8).join(t("comma")) })) : null,
    found.outside.n > 0 ? el("p", {}, t("found_outside", { n: count(found.outside.n) })) : null,
  ].filter(Boolean);
}

export function showFindings(root, name, remove) {
  let ended = false;
  const status = el("p", { class: "quiet" });
  const body = el("div", {});
  root.append(el("h2", { id: "findings" }, t("findings")), status, body);

  async function look(asked = false) {
    if (ended) return;
    try {
      const { done, total, found, error, unasked } = await get(dataPath(name, "/findings"), asked ? { asked } : undefined);
      if (ended) return;
      if (unasked) body.replaceChildren(button(t("look"), () => { body.replaceChildren(); return look(true); }));
      else if (error) status.textContent = error;
      else if (!found) {
        status.textContent = t("looking", { done: count(done), total: count(total) });
        setTimeout(look, LOOK_MILLISECONDS);
      } else {
        const { counts } = await get(dataPath(name));
        const shown = lines(name, found, counts, remove);
        const { width, height } = found.sizes;
        status.textContent = width ? t("found_sizes", { width: width.median, height: height.median }) : "";
        body.replaceChildren(...(shown.length > 0 ? shown : [el("p", {}, t("found_nothing"))]));
      }
    } catch (problem) {
      status.textContent = problem.message;
    }
  }

  look();
  return () => { ended = true; };
}
