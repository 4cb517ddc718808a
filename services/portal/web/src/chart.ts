// A chart is one stop of the keyboard: arrow keys, Home and End go from point
// to point, Enter follows the link of the point. A line under the chart tells
// in words what the point is: the row of the page's table that has the same
// link, else the label of the point. That line is hidden from assistive
// technology, which reads the label itself when the focus comes.

interface Point {
  readonly link: SVGAElement;
  readonly x: number;
  readonly y: number;
}

/** How far from a point, in units of the drawing, a pointer still means it. */
const reach = 40;

/** chart makes the points of a figure (see package figure) explorable. */
export function chart(svg: SVGSVGElement): void {
  const points = pointsOf(svg);
  const newest = points.at(-1);
  if (!newest) return;
  const tell = readout(svg);
  // A funnel begins at its smallest unit, a chart over time at what is new.
  let current = svg.classList.contains("lf-funnel") ? (points[0] ?? newest) : newest;
  for (const p of points) p.link.setAttribute("tabindex", p === current ? "0" : "-1");

  const show = (p: Point | undefined): void => {
    for (const q of points) mark(q, q === p);
    tell(p);
  };
  const choose = (p: Point): void => {
    current.link.setAttribute("tabindex", "-1");
    p.link.setAttribute("tabindex", "0");
    current = p;
    show(p);
  };

  // Not on the drawing itself: one that listens to the focus becomes a stop.
  const around = svg.parentElement ?? document.body;
  around.addEventListener("focusin", (e) => {
    const p = points.find((q) => e.target instanceof Node && q.link.contains(e.target));
    if (p) choose(p);
  });
  around.addEventListener("focusout", (e) => {
    if (e.target instanceof Node && svg.contains(e.target)) show(undefined);
  });
  svg.addEventListener("keydown", (e) => {
    if (e.altKey || e.ctrlKey || e.metaKey || e.shiftKey) return;
    const at = points.indexOf(current);
    const to = { ArrowLeft: at - 1, ArrowRight: at + 1, Home: 0, End: points.length - 1 }[e.key];
    if (to === undefined) return;
    e.preventDefault();
    points[Math.min(Math.max(to, 0), points.length - 1)]?.link.focus();
  });

  const overTime = svg.classList.contains("lf-control");
  const near = (e: PointerEvent): void => show(nearest(points, svg, e, overTime));
  svg.addEventListener("pointermove", near);
  svg.addEventListener("pointerdown", near);
  svg.addEventListener("pointerleave", () => show(svg.contains(document.activeElement) ? current : undefined));
}

/** pointsOf are the linked points from left to right. */
function pointsOf(svg: SVGSVGElement): Point[] {
  const points: Point[] = [];
  for (const link of svg.querySelectorAll<SVGAElement>("a[href]")) {
    const m = link.querySelector<SVGGElement>("g[transform]")?.transform.baseVal.consolidate()?.matrix;
    if (m) points.push({ link, x: m.e, y: m.f });
  }
  return points.sort((a, b) => a.x - b.x || a.y - b.y);
}

/** nearest is the point that the pointer means; over time the height does not matter. */
function nearest(points: readonly Point[], svg: SVGSVGElement, e: PointerEvent, overTime: boolean): Point | undefined {
  const toDrawing = svg.getScreenCTM()?.inverse();
  if (!toDrawing) return undefined;
  const at = new DOMPoint(e.clientX, e.clientY).matrixTransform(toDrawing);
  let best: Point | undefined;
  let least = reach;
  for (const p of points) {
    const distance = Math.hypot(p.x - at.x, overTime ? 0 : p.y - at.y);
    if (distance < least) [best, least] = [p, distance];
  }
  return best;
}

/** mark draws the ring of a point, or takes it away, by attributes alone. */
function mark(p: Point, on: boolean): void {
  for (const ring of p.link.querySelectorAll(".lf-focus")) {
    ring.setAttribute("stroke", "currentColor");
    ring.setAttribute("stroke-opacity", on ? "1" : "0");
  }
}

/**
 * readout is the line that tells of a point: an element of the chart's figure
 * with data-readout, which says what can be done while no point is chosen, or
 * an empty one after the drawing. The table's row of the point is marked too.
 */
function readout(svg: SVGSVGElement): (p: Point | undefined) => void {
  const given = svg.closest("figure")?.querySelector<HTMLElement>("[data-readout]");
  const line = given ?? document.createElement("p");
  if (!given) svg.after(line);
  const hint = line.textContent?.trim() || "\u00a0";
  line.textContent = hint;
  line.classList.add("readout");
  line.setAttribute("aria-hidden", "true");
  line.hidden = false;
  let marked: Element | undefined;
  return (p) => {
    const row = p && rowOf(p);
    marked?.classList.remove("chosen");
    marked = row;
    marked?.classList.add("chosen");
    line.textContent = (p && ((row && sentence(row)) || p.link.getAttribute("aria-label"))) || hint;
  };
}

/** rowOf is the row of a table that leads where the point leads. */
function rowOf(p: Point): HTMLTableRowElement | undefined {
  const href = p.link.getAttribute("href") ?? "";
  return document.querySelector(`td a[href="${CSS.escape(href)}"], th a[href="${CSS.escape(href)}"]`)?.closest("tr") ?? undefined;
}

/** sentence is a row in words: each heading with its cell. */
function sentence(row: HTMLTableRowElement): string {
  const heads = row.closest("table")?.tHead?.rows[0]?.cells;
  const parts: string[] = [];
  for (const [i, cell] of [...row.cells].entries()) {
    const said = words(cell);
    if (!said || said === "–") continue;
    const head = heads?.[i] ? words(heads[i]) : "";
    parts.push(i === 0 || !head ? said : `${head} ${said}`);
  }
  return parts.join(" · ");
}

function words(e: Element): string {
  return (e.textContent ?? "").replace(/\s+/g, " ").trim();
}
