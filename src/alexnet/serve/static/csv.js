// Answers as CSV. A cell that a spreadsheet would run as a formula begins with an apostrophe, by the rule of storage/spreadsheets.py.
const FORMULA = /^'*[=+\-@\t\r\n\uff1d\uff0b\uff0d\uff20]/;
const NUMBER = /^-?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?$/;

function cell(value) {
  const safe = FORMULA.test(value) && !NUMBER.test(value) ? `'${value}` : value;
  return `"${safe.replaceAll('"', '""')}"`;
}

export function csvOf(answers) {
  const rows = answers.map(({ file, top, error, unlike }) => {
    const best = top[0] ? [top[0].class, String(top[0].probability)] : ["", ""];
    const far = unlike === null ? "" : unlike ? "yes" : "no";
    return [file, ...best, far, error ?? ""];
  });
  const lines = [["file", "class", "probability", "unlike", "error"], ...rows].map((row) => row.map(cell).join(","));
  return `\ufeff${lines.join("\r\n")}\r\n`;
}
