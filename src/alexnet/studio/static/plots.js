// Curves of a training as SVG: training and validation, by epoch.
import { el, svg } from "./dom.js";
import { percent, t } from "./texts.js";

const WIDTH = 420;
const HEIGHT = 220;
const LEFT = 46;
const BOTTOM = 26;
const TOP = 8;

function path(points) {
  return points.map(([x, y], number) => `${number === 0 ? "M" : "L"}${x.toFixed(1)} ${y.toFixed(1)}`).join("");
}

// Round values from 0 to `most`, at most `n` of them after 0.
function ticks(most, n = 4) {
  const rough = most / n;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((factor) => factor * power).find((one) => one >= rough * 0.999);
  return Array.from({ length: Math.floor(most / step + 1e-9) + 1 }, (_, number) => number * step);
}

// The largest value, but for a few that are far above the others, such as the first loss of all: they are cut off.
function top(values) {
  const sorted = [...values].sort((one, other) => other - one);
  return Math.min(sorted[0], 2 * sorted[Math.floor(sorted.length / 8)] || sorted[0]);
}

function plot(title, rows, series, format) {
  const values = rows.flatMap((row) => series.map(([name]) => row[name])).filter(Number.isFinite);
  if (values.length === 0) return null;
  const most = top(values) * 1.05 || 1;
  const last = Math.max(...rows.map((row) => row.epoch), 1e-9);
  const x = (epoch) => LEFT + ((WIDTH - LEFT - 8) * epoch) / last;
  const y = (value) => TOP + (HEIGHT - TOP - BOTTOM) * (1 - value / most);
  const box = svg("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img", "aria-label": title, class: "plot" });
  for (const value of ticks(most)) {
    const label = svg("text", { x: LEFT - 6, y: y(value) + 4, "text-anchor": "end" });
    label.textContent = format(value);
    box.append(svg("line", { x1: LEFT, x2: WIDTH - 8, y1: y(value), y2: y(value), class: "rule" }), label);
  }
  for (const epoch of ticks(last, 5)) {
    const label = svg("text", { x: x(epoch), y: HEIGHT - 8, "text-anchor": "middle" });
    label.textContent = String(Number(epoch.toFixed(2)));
    box.append(label);
  }
  series.forEach(([name], number) => {
    const points = rows.filter((row) => Number.isFinite(row[name])).map((row) => [x(row.epoch), y(row[name])]);
    if (points.length === 1) box.append(svg("circle", { cx: points[0][0], cy: points[0][1], r: 3.5, class: `dot-${number + 1}` }));
    else box.append(svg("path", { d: path(points), class: `line-${number + 1}`, fill: "none" }));
  });
  const keys = series.map(([name, text], number) => {
    const value = rows[rows.length - 1][name];
    return el("span", { class: `key-${number + 1}` }, `${text} ${Number.isFinite(value) ? format(value) : "–"}`);
  });
  return el("figure", {}, el("h3", {}, title), box, el("figcaption", { class: "keys" }, keys));
}

export function curves(rows) {
  if (rows.length === 0) return [];
  const drawn = [
    plot(t("error_curve"), rows, [["training_error", t("training")], ["validation_error", t("validation")]], (value) => percent(value, 0)),
    plot(t("loss_curve"), rows, [["training_loss", t("training")], ["validation_loss", t("validation")]], (value) => value.toFixed(2)),
  ].filter(Boolean);
  return [el("h2", {}, t("curves")), el("div", { class: "plots" }, drawn)];
}
