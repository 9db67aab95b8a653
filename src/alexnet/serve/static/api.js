// The service's own routes, and nothing else: requests in small groups, tried again when the service is busy.
const GROUP = 8;
const TRIES = 5;

async function ask(path, options = {}) {
  for (let turn = 1; ; turn += 1) {
    const response = await fetch(path, options);
    if (response.status === 503 && turn < TRIES) {
      const seconds = Number(response.headers.get("Retry-After")) || 1;
      await new Promise((resolve) => { setTimeout(resolve, 1000 * seconds); });
      continue;
    }
    const answer = await response.json();
    if (!response.ok && answer.predictions === undefined) throw new Error(answer.error);
    return answer;
  }
}

function body(files) {
  const form = new FormData();
  for (const file of files) form.append("files", file, file.name);
  return form;
}

export async function classify(files, model, progress) {
  const answers = [];
  for (let first = 0; first < files.length; first += GROUP) {
    const group = files.slice(first, first + GROUP);
    const query = new URLSearchParams({ model, top: "5" });
    answers.push(...(await ask(`/v1/predict?${query}`, { method: "POST", body: body(group) })).predictions);
    progress(answers.length);
  }
  return answers;
}

export function explain(file, model, className) {
  const query = new URLSearchParams({ model, class: className });
  return ask(`/v1/explain?${query}`, { method: "POST", body: body([file]) });
}

export async function describeModels() {
  return (await ask("/v1/models")).models;
}
