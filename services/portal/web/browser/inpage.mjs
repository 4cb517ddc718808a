// What is asked of a page from within it. Each function travels to the browser
// by itself: it uses nothing of this file.

/** Where visible links lead, each once. @returns {string[]} */
export function links() {
  const seen = new Set();
  for (const a of document.querySelectorAll("a[href]")) if (a.checkVisibility()) seen.add(a.getAttribute("href"));
  return [...seen].sort();
}

/** What a page without scripts lacks. @returns {string[]} */
export function standsAlone() {
  const faults = [];
  const main = document.querySelector("main");
  if (!main?.innerText.trim()) faults.push("without scripts the page is empty");
  for (const e of document.querySelectorAll("button, input, select, textarea")) {
    if (e.checkVisibility() && !e.closest("form")) faults.push(`without scripts this does nothing: ${e.outerHTML.slice(0, 120)}`);
  }
  // Who cannot hit a point of a chart finds what it leads to elsewhere.
  const written = new Set();
  for (const a of document.querySelectorAll("a[href]")) if (!a.closest("svg")) written.add(a.getAttribute("href"));
  const drawn = [];
  for (const a of document.querySelectorAll("svg a[href]")) if (!written.has(a.getAttribute("href"))) drawn.push(a.getAttribute("href"));
  if (drawn.length) faults.push(`${drawn.length} links are only in a drawing, as ${drawn[0]}`);
  return faults;
}

/** What makes the page wider than its window. @returns {string[]} */
export function reflows() {
  const root = document.documentElement;
  if (root.scrollWidth <= root.clientWidth) return [];
  // The innermost one that reaches out of the window and that nothing clips.
  let widest = /** @type {Element} */ (root);
  for (const e of document.body.querySelectorAll("*")) {
    const left = e.getBoundingClientRect().left;
    if (Math.max(e.getBoundingClientRect().right, left + e.scrollWidth) <= root.clientWidth + 0.5 || !e.checkVisibility()) continue;
    let clipped = false;
    for (let p = /** @type {Element | null} */ (e); p && p !== document.body; p = p.parentElement) clipped ||= getComputedStyle(p).overflowX !== "visible";
    if (!clipped) widest = e;
  }
  const tag = /** @type {Element} */ (widest.cloneNode(false)).outerHTML.slice(0, 160);
  return [`the page scrolls sideways: ${root.scrollWidth} pixels in ${root.clientWidth}, by ${tag}`];
}

/**
 * Text and marks of drawings that are too faint: axe does not look at them.
 * WCAG 1.4.3 asks 4.5 of text, 1.4.11 asks 3 of what is needed to understand.
 * @returns {string[]}
 */
export function contrastOfDrawing() {
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = 1;
  const draw = canvas.getContext("2d", { willReadFrequently: true });
  if (!draw) return ["no canvas"];
  /** @param {string} colour @returns {[number, number, number, number]} */
  const rgba = (colour) => {
    draw.clearRect(0, 0, 1, 1);
    draw.fillStyle = colour;
    draw.fillRect(0, 0, 1, 1);
    const [r = 0, g = 0, b = 0, a = 0] = draw.getImageData(0, 0, 1, 1).data;
    return [r, g, b, a / 255];
  };
  /** @param {number[]} c */
  const luminance = (c) => {
    const [r = 0, g = 0, b = 0] = c.slice(0, 3).map((v) => (v / 255 <= 0.04045 ? v / 255 / 12.92 : ((v / 255 + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  /** @param {number[]} top @param {number[]} below */
  const over = (top, below) => [0, 1, 2].map((i) => (top[i] ?? 0) * (top[3] ?? 1) + (below[i] ?? 0) * (1 - (top[3] ?? 1)));
  /** @param {Element} e @returns {number[]} */
  const ground = (e) => {
    const layers = [];
    for (let p = /** @type {Element | null} */ (e); p; p = p.parentElement) layers.push(rgba(getComputedStyle(p).backgroundColor));
    return layers.reverse().reduce((below, top) => over(top, below), canvasColour);
  };
  // What lies below everything, in the scheme of the page.
  const probe = document.createElement("span");
  probe.style.backgroundColor = "Canvas";
  document.body.append(probe);
  const canvasColour = /** @type {number[]} */ (rgba(getComputedStyle(probe).backgroundColor));
  probe.remove();
  const faults = [];
  const seen = new Set();
  for (const svg of document.querySelectorAll("svg")) {
    if (!svg.checkVisibility()) continue;
    const below = ground(svg);
    for (const e of svg.querySelectorAll("text, tspan, circle, rect, path, line, polyline, polygon, use")) {
      const style = getComputedStyle(e);
      const isText = e.localName === "text" || e.localName === "tspan";
      if (isText ? !e.textContent?.trim() : !e.closest("a")) continue;
      if (style.visibility !== "visible" || !e.checkVisibility()) continue;
      let opacity = 1;
      for (let p = /** @type {Element | null} */ (e); p && p !== svg.parentElement; p = p.parentElement) opacity *= Number(getComputedStyle(p).opacity);
      /** @param {string} paint @param {string} alpha */
      const ratio = (paint, alpha) => {
        if (paint === "none" || paint.startsWith("url(")) return 0;
        const c = rgba(paint);
        c[3] *= Number(alpha) * opacity;
        if (c[3] < 0.01) return 0;
        const [a, b] = [luminance(over(c, below)), luminance(below)];
        return (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
      };
      const fill = ratio(style.fill, style.fillOpacity);
      const stroke = parseFloat(style.strokeWidth) > 0 ? ratio(style.stroke, style.strokeOpacity) : 0;
      const best = isText ? fill : Math.max(fill, stroke);
      if (!isText && best === 0) continue; // an area to hit, not to see
      const want = isText ? 4.5 : 3;
      const name = `${e.localName}.${e.getAttribute("class") ?? ""}`;
      if (best >= want || seen.has(name)) continue;
      seen.add(name);
      faults.push(`the contrast of ${name} in a drawing is ${best.toFixed(2)}, want ${want}: ${e.outerHTML.slice(0, 120)}`);
    }
  }
  return faults;
}
