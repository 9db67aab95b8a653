// Answers as CSV. A cell that a spreadsheet would run as a formula begins with an apostrophe, as in the files of the command line.
function cell(value) {
  const safe = /^[=+\-@\t\r]/.test(value) ? `'${value}` : value;
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
