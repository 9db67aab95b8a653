// The studio's own routes, and nothing else. A refusal is an Error whose message is for people.
import { lang, t } from "./texts.js";

const LANGUAGE = { "Accept-Language": lang };

async function answer(response) {
  const text = await response.text();
  let found = {};
  try {
    found = JSON.parse(text);
  } catch {
    if (response.ok) throw new Error(t("lost"));
  }
  if (!response.ok) throw new Error(found.error ?? t("lost"));
  return found;
}

async function ask(path, options = {}) {
  let response;
  try {
    response = await fetch(path, { ...options, headers: { ...LANGUAGE, ...options.headers } });
  } catch {
    throw new Error(t("lost"));
  }
  return answer(response);
}

export function get(path, query) {
  return ask(query ? `${path}?${new URLSearchParams(query)}` : path);
}

export function post(path, values = {}) {
  return ask(path, { method: "POST", body: JSON.stringify(values), headers: { "Content-Type": "application/json" } });
}

export function send(method, path, file, query = {}) {
  const kept = Object.entries(query).filter(([, value]) => value !== null && value !== undefined);
  const body = { method, body: file, headers: { "Content-Type": "application/octet-stream" } };
  return ask(`${path}?${new URLSearchParams(Object.fromEntries(kept))}`, body);
}

export const part = encodeURIComponent;
export const dataPath = (name, rest = "") => `/api/data/${part(name)}${rest}`;
export const runPath = (name, rest = "") => `/api/runs/${part(name)}${rest}`;
export const reportPath = (name, rest = "report.html") => `/folders/${part(name)}/${rest}?lang=${lang}`;

// `tell(message)` for each message of a run; returns a function that ends it.
export function watch(run, tell) {
  const source = new EventSource(runPath(run, "/events"));
  source.addEventListener("message", (event) => tell(JSON.parse(event.data)));
  return () => source.close();
}
