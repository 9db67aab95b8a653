// The images of one class, loaded a page at a time as they come into view; each can be selected, by keyboard too.
import { dataPath, get } from "./api.js";
import { button, complain, el } from "./dom.js";
import { count, t } from "./texts.js";

const PAGE = 60;
const FIRST = 24;

function thumbnail(name, place, choose) {
  const query = new URLSearchParams({ class_name: place.class_name, file: place.file, ...(place.split ? { split: place.split } : {}) });
  const image = el("img", { src: `${dataPath(name, "/thumbnail")}?${query}`, alt: "", loading: "lazy", width: 96, height: 96 });
  const box = el("input", { type: "checkbox", "aria-label": t("choose_image", { file: place.file }) });
  const label = el("label", { class: "thumb" }, box, image);
  image.addEventListener("load", () => image.classList.toggle("small", image.naturalWidth < 48));
  image.addEventListener("error", () => label.classList.add("broken"));
  box.addEventListener("change", () => {
    label.classList.toggle("chosen", box.checked);
    choose(place, box.checked);
  });
  return label;
}

export function grid(name, className, split, total, choose) {
  const box = el("div", { class: "grid" });
  const whole = el("div", {}, box);
  let first = 0;
  let loading = false;
  let opened = false;
  const more = button(t("show_more", { n: count(total) }), () => {
    opened = true;
    return load();
  }, { class: "more" });

  async function load() {
    if (loading || first >= total) return;
    loading = true;
    try {
      const query = { class_name: className, first, count: first === 0 ? FIRST : PAGE, ...(split ? { split } : {}) };
      const { files } = await get(dataPath(name, "/images"), query);
      box.append(...files.map((file) => thumbnail(name, { class_name: className, split, file }, choose)));
      first += files.length;
      if (files.length === 0 || first >= total) more.remove();
    } catch (problem) {
      complain(problem);
    } finally {
      loading = false;
    }
  }

  const coming = new IntersectionObserver((seen) => {
    if (seen.some((one) => one.isIntersecting) && (first === 0 || opened)) load();
  }, { rootMargin: "300px" });
  whole.append(more);
  if (total <= FIRST) more.hidden = true;
  coming.observe(more.hidden ? whole : more);
  return whole;
}
