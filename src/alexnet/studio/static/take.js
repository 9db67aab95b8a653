// Step 5: a finished run as files for other programs, as a folder, or as a service.
import { get, post, reportPath, runPath } from "./api.js";
import { button, el, heading } from "./dom.js";
import { finishedRuns, noRuns, runSelect } from "./try.js";
import { known, size, t } from "./texts.js";

const LOOK_MILLISECONDS = 1000;
const SERVED_MILLISECONDS = 5000; // while a service runs, which seldom changes
const BUSY = ["waiting", "running", "stopping"];

function offerRow(run, offer, again) {
  const name = `${offer.target}${offer.int8 ? "_int8" : ""}`;
  const make = button(t("make"), async () => {
    await post(runPath(run, "/export"), { target: offer.target, int8: offer.int8 });
    await again();
  }, { "data-offer": name });
  const link = offer.file ? el("a", { class: "button main", href: runPath(run, `/exported/${encodeURIComponent(offer.file)}`), download: "", "data-file": name },
    `${t("download")} (${size(offer.bytes)})`) : null;
  const state = BUSY.includes(offer.state) ? el("span", { role: "status" }, known(`state_${offer.state}`, offer.state)) : null;
  return el("li", {}, el("b", {}, t(`offer_${name}`)), el("small", {}, t(`offer_${name}_more`)), link ?? state ?? make,
    offer.message ? el("pre", { class: "log", tabindex: "0" }, offer.message) : null);
}

function service(run, services, again) {
  const [running] = services.filter((one) => BUSY.includes(one.state));
  const [failed] = services.filter((one) => one.state === "failed");
  if (!running) {
    return [button(t("serve"), async () => {
      await post(runPath(run, "/serve"));
      await again();
    }, { id: "serve" }), failed ? el("pre", { class: "log", tabindex: "0" }, failed.message) : ""];
  }
  const link = running.link ? el("a", { href: running.link, target: "_blank", rel: "noopener", id: "service" }, running.link.split("?")[0]) : el("span", {}, t("starting"));
  return [el("p", {}, t("served"), " ", link), button(t("end_service"), async () => {
    await post(`/api/jobs/${running.job}/stop`);
    await again();
  }, { id: "end-service" })];
}

export async function show(root, [asked]) {
  const runs = await finishedRuns();
  const run = runs.includes(asked) ? asked : runs[0];
  if (!run) {
    noRuns(root, t("step_take"));
    return undefined;
  }
  const offers = el("ul", { class: "rows offers" });
  const served = el("div", {});
  let ended = false;
  let timer;
  let shown = "";

  async function draw() {
    clearTimeout(timer);
    const found = await get(runPath(run, "/offers"));
    if (ended) return;
    const now = JSON.stringify(found);
    if (now !== shown) {
      offers.replaceChildren(...(found.offers.length > 0 ? found.offers.map((offer) => offerRow(run, offer, draw)) : [el("li", {}, t("needs_export"))]));
      served.replaceChildren(...service(run, found.services, draw));
      shown = now;
    }
    const soon = found.offers.some((one) => BUSY.includes(one.state)) || found.services.some((one) => BUSY.includes(one.state) && !one.link);
    const served_ = found.services.some((one) => BUSY.includes(one.state));
    if (soon || served_) timer = setTimeout(look, soon ? LOOK_MILLISECONDS : SERVED_MILLISECONDS);
  }

  function look() {
    if (document.hidden) timer = setTimeout(look, SERVED_MILLISECONDS);
    else draw().catch(() => { if (!ended) timer = setTimeout(look, SERVED_MILLISECONDS); });
  }

  root.append(heading(t("step_take")), runSelect("take", runs, run),
    el("section", { "aria-labelledby": "forms" }, el("h2", { id: "forms" }, t("forms")), offers),
    el("section", { "aria-labelledby": "folder" }, el("h2", { id: "folder" }, t("our_folder")), el("p", {}, t("folder_intro")),
      el("p", { class: "choices" }, el("a", { class: "button", href: runPath(run, "/folder.zip"), download: "", id: "folder-zip" }, t("download_folder")),
        el("a", { href: reportPath(run), target: "_blank" }, t("report")))),
    el("section", { "aria-labelledby": "service-title" }, el("h2", { id: "service-title" }, t("service")), el("p", {}, t("service_intro")), served));
  await draw();
  return () => {
    ended = true;
    clearTimeout(timer);
  };
}
