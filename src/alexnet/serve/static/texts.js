// The page's messages, in the language that it was sent in.
const texts = JSON.parse(document.getElementById("texts").textContent);

export function text(name) {
  return texts[name];
}

export function percent(share) {
  return share >= 0.995 ? text("over_99") : `${(100 * share).toFixed(share < 0.01 ? 2 : 0)}%`;
}
