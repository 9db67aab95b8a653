// Answers as CSV. A cell that a spreadsheet would run as a formula begins with an apostrophe, as in the files of the command line.
function cell(value) {
  const safe = /^[=+\-@\t\r]/.test(value) ? `'${value}` : value;
  return `"${safe.replaceAll('"', '""')}"`;
}

export function csvOf(answers) {
  const rows = answers.map(({ file, top, error }) => [file, top[0]?.class ?? "", top[0] ? String(top[0].probability) : "", error ?? ""]);
  const lines = [["file", "class", "probability", "error"], ...rows].map((row) => row.map(cell).join(","));
  return `\ufeff${lines.join("\r\n")}\r\n`;
}
