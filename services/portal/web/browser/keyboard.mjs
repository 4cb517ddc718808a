// Uses a page with the keyboard alone.

// Where a list is longer, its first hundreds show what the rest does.
const most = 200;

/**
 * What a keyboard cannot do on a page that was just opened.
 * @param {import("playwright-core").Page} page
 * @returns {Promise<string[]>}
 */
export async function keyboard(page) {
  return [...(await skip(page)), ...(await walk(page)), ...(await search(page)), ...(await explore(page))];
}

/** The first stop leads past what every page begins with. @param {import("playwright-core").Page} page */
async function skip(page) {
  await page.keyboard.press("Tab");
  const first = await page.evaluate(() => {
    const e = document.activeElement;
    const r = e?.getBoundingClientRect();
    return {
      href: e?.getAttribute("href") ?? "",
      seen: !!r && r.width > 1 && r.height > 1 && r.left >= 0 && r.top >= 0 && r.right <= innerWidth,
    };
  });
  if (!/^#./.test(first.href)) return [`the first stop of the keyboard is no skip link but ${first.href || "nothing"}`];
  const faults = first.seen ? [] : ["the skip link cannot be seen when it has the focus"];
  await page.keyboard.press("Enter");
  await page.keyboard.press("Tab");
  const within = await page.evaluate((id) => {
    const target = document.getElementById(id);
    const e = document.activeElement;
    if (!target || !e || location.hash !== `#${id}`) return false;
    /** @param {Element} x */
    const after = (x) => !!(target.compareDocumentPosition(x) & Node.DOCUMENT_POSITION_FOLLOWING);
    return after(e) || ![...document.querySelectorAll("a[href], button, input, select, textarea, summary")].some((x) => after(x) && x.checkVisibility());
  }, first.href.slice(1));
  if (!within) faults.push(`the skip link ${first.href} leads nowhere`);
  return faults;
}

/** Every stop, in the order of the page, seen, and out again. @param {import("playwright-core").Page} page */
async function walk(page) {
  const count = await page.evaluate(() => {
    if (document.activeElement instanceof HTMLElement || document.activeElement instanceof SVGElement) document.activeElement.blur();
    getSelection()?.removeAllRanges();
    scrollTo(0, 0);
    const stops = [...document.querySelectorAll("a[href], button, input, select, textarea, summary, iframe, [tabindex]")].filter((e) =>
      /** @type {HTMLElement} */ (e).tabIndex >= 0 && e.checkVisibility({ visibilityProperty: true }) && !e.matches(":disabled"));
    // How each looks without the focus.
    const look = (/** @type {Element} */ e) => [e, ...e.querySelectorAll("*")].map((x) => {
      const s = getComputedStyle(x);
      const outline = s.outlineStyle === "none" ? "none" : [s.outlineStyle, s.outlineWidth, s.outlineColor];
      return [outline, s.boxShadow, s.stroke, s.strokeOpacity, s.strokeWidth, s.fill, s.backgroundColor, s.borderColor, s.borderWidth].join();
    }).join("|");
    Reflect.set(window, "stops", stops);
    Reflect.set(window, "look", look);
    Reflect.set(window, "looks", stops.map(look));
    // The walk begins before the first one, wherever the focus has been.
    const start = document.createElement("span");
    start.tabIndex = -1;
    document.body.prepend(start);
    start.focus({ preventScroll: true });
    return stops.length;
  });
  const faults = [];
  for (let i = 0; i < Math.min(count, most) && faults.length < 5; i++) {
    await page.keyboard.press("Tab");
    const fault = await page.evaluate((i) => {
      const stops = /** @type {Element[]} */ (Reflect.get(window, "stops"));
      const e = document.activeElement, want = stops[i];
      /** @param {Element | null | undefined} x */
      const show = (x) => (x && x !== document.body ? x.outerHTML.slice(0, 120) : "nothing");
      if (!e || e !== want) return `stop ${i + 1} of the keyboard is ${show(e)}, want ${show(want)}`;
      const boxes = [...e.getClientRects()].filter((r) => r.width > 0 && r.height > 0);
      if (!boxes.some((r) => r.bottom > 0 && r.top < innerHeight && r.right > 0 && r.left < innerWidth)) return `the focus cannot be seen: ${show(e)}`;
      const look = /** @type {(e: Element) => string} */ (Reflect.get(window, "look"));
      const marked = look(e) !== /** @type {string[]} */ (Reflect.get(window, "looks"))[i];
      return marked ? "" : `the focus has no mark: ${show(e)}`;
    }, i);
    if (fault) faults.push(fault);
  }
  if (count <= most && !faults.length) {
    await page.keyboard.press("Tab");
    const out = await page.evaluate(() => document.activeElement === document.body || document.activeElement === (/** @type {Element[]} */ (Reflect.get(window, "stops")))[0]);
    if (!out) faults.push("the keyboard cannot leave the page");
  }
  return faults;
}

/** Long lists: what is typed is what stays. @param {import("playwright-core").Page} page */
async function search(page) {
  const faults = [];
  const lists = await page.evaluate(() => {
    const lists = [...document.querySelectorAll("[data-filter]")].map((list) => {
      const rows = list instanceof HTMLTableElement ? [...list.tBodies].flatMap((b) => [...b.rows]) : [...list.querySelectorAll("li")];
      const line = (list.closest("[data-filter-place]") ?? list).previousElementSibling;
      return { rows, line, field: line?.querySelector("input") ?? null };
    });
    Reflect.set(window, "lists", lists);
    return lists.map((l) => ({ rows: l.rows.length, last: l.rows.at(-1)?.querySelector("a")?.textContent ?? "", field: !!l.field }));
  });
  for (const [i, list] of lists.entries()) {
    if (list.rows < 10) continue;
    if (!list.field) {
      faults.push(`a list of ${list.rows} rows cannot be searched`);
      continue;
    }
    /** What is shown and told when this is typed. @param {string} text */
    const type = async (text) => {
      await page.evaluate((i) => void /** @type {{field: HTMLInputElement}[]} */ (Reflect.get(window, "lists"))[i]?.field.select(), i);
      await page.keyboard.press("Delete");
      await page.keyboard.insertText(text);
      return page.evaluate(({ i, text }) => {
        const { rows, line } = /** @type {{rows: Element[], line: HTMLElement}} */ ((Reflect.get(window, "lists"))[i]);
        const shown = rows.filter((r) => r.checkVisibility());
        return { shown: shown.length, wrong: shown.filter((r) => !r.textContent?.toLowerCase().includes(text.toLowerCase())).length, told: line.querySelector("[role=status]")?.textContent ?? "" };
      }, { i, text });
    };
    const some = await type(list.last), none = await type("qqzzqq"), all = await type("");
    if (some.shown < 1 || some.wrong || none.shown || all.shown !== list.rows) {
      faults.push(`a search for ${JSON.stringify(list.last)} shows ${some.shown} rows, ${some.wrong} of them wrong, a search for nonsense ${none.shown}, none ${all.shown} of ${list.rows}`);
    }
    // Rows that only lead to what is found are shown and not counted.
    for (const s of [some, none, all]) {
      const told = Number.parseInt(s.told, 10);
      if (!(told <= s.shown && (told > 0) === (s.shown > 0))) faults.push(`a search that shows ${s.shown} rows tells ${JSON.stringify(s.told)}`);
    }
  }
  return faults;
}

/** The points of the first chart: arrows, words, Enter. @param {import("playwright-core").Page} page */
async function explore(page) {
  const points = await page.evaluate(() => {
    const svg = [...document.querySelectorAll("svg:has(a[href])")].find((s) => s.checkVisibility());
    const all = /** @type {SVGAElement[]} */ ([...(svg?.querySelectorAll("a[href]") ?? [])]);
    Reflect.set(window, "points", all);
    const stops = all.filter((a) => a.tabIndex >= 0);
    stops[0]?.focus();
    return { all: all.length, stops: stops.length };
  });
  if (!points.all) return [];
  if (points.stops !== 1) return [`a chart has ${points.stops} stops for the keyboard, want one for all ${points.all} points`];
  const faults = [];
  /** @param {string} key */
  const press = async (key) => {
    await page.keyboard.press(key);
    return page.evaluate(() => {
      const e = document.activeElement;
      return {
        point: /** @type {(Element | null)[]} */ (Reflect.get(window, "points")).indexOf(e),
        href: e?.getAttribute("href") ?? "",
        x: e?.getBoundingClientRect().x ?? 0,
        label: e?.getAttribute("aria-label") ?? "",
        told: [...document.querySelectorAll(".readout")].filter((l) => l.checkVisibility()).map((l) => /** @type {HTMLElement} */ (l).innerText).join(" ").trim(),
      };
    });
  };
  const first = await press("Home");
  const last = await press("End");
  const seen = new Set([last.point]);
  let at = last;
  for (let i = 1; i < points.all; i++) {
    const next = await press("ArrowLeft");
    if (next.x > at.x + 0.5) faults.push(`the left arrow leads to the right, to ${next.label}`);
    seen.add(next.point);
    at = next;
  }
  if (at.point !== first.point || seen.size !== points.all || seen.has(-1)) faults.push(`the arrow keys reach ${seen.size} of ${points.all} points of a chart`);
  if (points.all > 1 && (await press("ArrowRight")).point === first.point) faults.push("the right arrow leads nowhere");
  if (!last.label) faults.push(`a point of a chart has no label: ${last.href}`);
  if (!last.told || last.told === at.told && points.all > 1) faults.push(`a chart tells nothing of its points: ${JSON.stringify(last.told)}`);
  const end = await press("End");
  const url = new URL(end.href, page.url()).href;
  await Promise.all([
    page.waitForURL(url, { timeout: 20_000 }).catch(() => void faults.push(`Enter on a point does not lead to ${end.href}`)),
    page.keyboard.press("Enter"),
  ]);
  return faults;
}
