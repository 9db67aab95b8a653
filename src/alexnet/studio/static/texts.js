// The page's messages, in the language that it was sent in, and figures as that language writes them.
const texts = JSON.parse(document.getElementById("texts").textContent);
export const lang = document.documentElement.lang.startsWith("zh") ? "zh" : "en";
const locale = lang === "zh" ? "zh-CN" : "en";

export function t(name, values = {}) {
  const text = texts[name];
  if (text === undefined) throw new Error(`no message ${name}`);
  return text.replace(/\{(\w+)\}/g, (whole, field) => (field in values ? String(values[field]) : whole));
}

// A message that may not be there, such as the name of a state.
export function known(name, otherwise) {
  return name in texts ? texts[name] : otherwise;
}

export function count(value) {
  return Number(value).toLocaleString(locale);
}

export function percent(share, digits = 1) {
  return share === null || share === undefined ? "–" : `${(100 * share).toFixed(digits)}%`;
}

export function certainty(share) {
  return share >= 0.995 ? t("over_99") : `${(100 * share).toFixed(share < 0.01 ? 2 : 0)}%`;
}

export function duration(seconds) {
  if (seconds === null || seconds === undefined) return "–";
  const whole = Math.max(0, Math.round(seconds));
  if (whole < 60) return t("seconds", { n: whole });
  if (whole < 3600) return t("minutes_seconds", { m: Math.floor(whole / 60), s: whole % 60 });
  return t("hours_minutes", { h: Math.floor(whole / 3600), m: Math.floor(whole / 60) % 60 });
}

export function size(bytes) {
  if (!bytes) return "–";
  return bytes < 1e6 ? `${(bytes / 1e3).toFixed(0)} kB` : `${(bytes / 1e6).toFixed(1)} MB`;
}
