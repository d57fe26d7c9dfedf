// The cursor of a chart: the pointer or the arrow keys choose a moment, and a line below shows the
// table's values at that moment.

interface Row {
  at: number; // Unix seconds
  text: string;
}

// rowsOf reads the rows of a chart's table.
function rowsOf(figure: Element): Row[] {
  const table = figure.querySelector<HTMLTableElement>("table.points");
  if (!table) return [];
  const heads = [...table.querySelectorAll("thead th")].map((h) => h.textContent ?? "");
  return [...table.querySelectorAll("tbody tr")].map((tr) => {
    const time = tr.querySelector("time");
    const cells = [...tr.querySelectorAll("td")].map((td, i) => (td.colSpan > 1 ? td.textContent : `${heads[i + 1]} ${td.textContent}`));
    return { at: Date.parse(time?.dateTime ?? "") / 1000, text: cells.join(", ") };
  });
}

// stamp formats a moment in UTC.
function stamp(at: number, seconds: boolean): string {
  return new Date(at * 1000).toISOString().slice(0, seconds ? 19 : 16).replace("T", " ") + " UTC";
}

export function chartCursors(): void {
  for (const box of document.querySelectorAll<HTMLElement>(".plotbox:not([data-cursor])")) {
    const chart = box.querySelector<SVGSVGElement>("svg.chart");
    const figure = box.closest("figure");
    if (chart && figure) cursor(box, chart, rowsOf(figure));
  }
}

function cursor(box: HTMLElement, chart: SVGSVGElement, rows: Row[]): void {
  box.dataset.cursor = "";
  const from = Number(chart.dataset.from);
  const to = Number(chart.dataset.to);
  if (!rows.length || !(to > from)) return;
  const fine = to - from <= 3600;
  const pad = document.createElement("div");
  pad.className = "pad";
  pad.tabIndex = 0;
  pad.setAttribute("role", "slider");
  pad.setAttribute("aria-label", "Moment of the chart. Arrow keys go from change to change.");
  pad.setAttribute("aria-valuemin", String(from));
  pad.setAttribute("aria-valuemax", String(to));
  const line = document.createElement("div");
  line.className = "cursor";
  line.hidden = true;
  const readout = document.createElement("p");
  readout.className = "readout";
  readout.textContent = "\u00a0";
  box.append(line, pad);
  box.after(readout);

  let at = to;
  const rowAt = (t: number): Row => rows[Math.max(0, rows.findLastIndex((r) => r.at <= t))]!;
  const show = (t: number): void => {
    at = Math.min(Math.max(t, from), to);
    const row = rowAt(at);
    const text = `${stamp(at, fine)}: ${row.text}`;
    line.hidden = false;
    line.style.left = `${(100 * (at - from)) / (to - from)}%`;
    readout.textContent = text;
    pad.setAttribute("aria-valuenow", String(at));
    pad.setAttribute("aria-valuetext", text);
  };
  const hide = (): void => {
    line.hidden = true;
    readout.textContent = "\u00a0";
  };
  const step = (by: number): void => {
    const i = rows.findLastIndex((r) => r.at <= at);
    const exact = rows[i]?.at === at;
    const next = rows[by > 0 ? i + 1 : exact ? i - 1 : i];
    show(next ? next.at : by > 0 ? to : from);
  };
  pad.setAttribute("aria-valuenow", String(to));
  pad.setAttribute("aria-valuetext", `${stamp(to, fine)}: ${rowAt(to).text}`);
  pad.addEventListener("pointermove", (e) => {
    const r = pad.getBoundingClientRect();
    const t = from + ((e.clientX - r.left) / r.width) * (to - from);
    show(fine ? Math.round(t) : Math.round(t / 60) * 60);
  });
  pad.addEventListener("pointerleave", () => {
    if (document.activeElement !== pad) hide();
  });
  pad.addEventListener("blur", hide);
  pad.addEventListener("keydown", (e) => {
    const moves: Record<string, () => void> = {
      ArrowLeft: () => step(-1), ArrowDown: () => step(-1), ArrowRight: () => step(1), ArrowUp: () => step(1), Home: () => show(from), End: () => show(to), Escape: hide,
    };
    const move = moves[e.key];
    if (!move) return;
    if (e.key !== "Escape") e.preventDefault();
    move();
  });
}
