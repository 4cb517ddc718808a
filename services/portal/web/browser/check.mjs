// Reads a plan (see check.go) on standard input, drives Chromium over it and
// writes what it saw on standard output.

import axe from "axe-core";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { chromium } from "playwright-core";
import { findChromium } from "./chromium.mjs";
import { contrastOfDrawing, links, reflows, standsAlone } from "./inpage.mjs";
import { keyboard } from "./keyboard.mjs";

/**
 * @typedef {{path: string, kind: string, bytes: number}} Planned
 * @typedef {{base: string, whole: Planned[] | null, sample: Planned[] | null, screenshots: string}} Plan
 * @typedef {{page: string, view: string, what: string}} Finding
 * @typedef {{width: number, scheme: "light" | "dark", scripts: boolean}} View
 */

/** @type {Plan} */
const plan = JSON.parse(await text(process.stdin));
const result = { browser: "", opened: 0, axe: 0, findings: /** @type {Finding[]} */ ([]) };

const wide = 1440, narrow = 390;
// What 400 % zoom leaves of a 1280 pixel screen: WCAG 1.4.10.
const narrowest = 320;

const { executable, env } = await findChromium();
const browser = await chromium.launch({
  executablePath: executable,
  env,
  headless: true,
  args: [
    "--no-sandbox", // it opens only pages of this test, often as root
    "--disable-gpu", "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--disable-default-apps", "--no-first-run", "--no-pings",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
  ],
});
try {
  result.browser = browser.version();
  /** @type {{page: Planned, view: View, whole: boolean}[]} */
  const jobs = [];
  for (const page of plan.whole ?? []) {
    for (const width of [wide, narrow]) {
      for (const scheme of /** @type {const} */ (["light", "dark"])) jobs.push({ page, whole: true, view: { width, scheme, scripts: true } });
    }
    jobs.push({ page, whole: true, view: { width: wide, scheme: "light", scripts: false } });
  }
  // Each of the sample in one view, by turns.
  for (const [i, page] of (plan.sample ?? []).entries()) {
    jobs.push({ page, whole: false, view: { width: i % 2 ? wide : narrow, scheme: i % 4 < 2 ? "light" : "dark", scripts: true } });
  }
  if (plan.screenshots) await mkdir(plan.screenshots, { recursive: true });
  // Two at a time: one waits while the other computes.
  await Promise.all([work(jobs), work(jobs)]);
} finally {
  await browser.close();
}
result.findings.sort((a, b) => a.page.localeCompare(b.page) || a.view.localeCompare(b.view) || a.what.localeCompare(b.what));
process.stdout.write(JSON.stringify(result));

/** @param {{page: Planned, view: View, whole: boolean}[]} jobs */
async function work(jobs) {
  /** @type {Map<string, import("playwright-core").BrowserContext>} */
  const contexts = new Map();
  /** @param {View} view */
  const contextOf = async (view) => {
    const made = contexts.get(nameOf(view));
    if (made) return made;
    const context = await browser.newContext({
      viewport: { width: view.width, height: 900 },
      colorScheme: view.scheme,
      javaScriptEnabled: view.scripts,
      reducedMotion: "reduce",
      locale: "en-GB",
      serviceWorkers: "block",
    });
    contexts.set(nameOf(view), context);
    return context;
  };
  for (let job = jobs.shift(); job; job = jobs.shift()) {
    const { page, view, whole } = job;
    const tab = await (await contextOf(view)).newPage();
    tab.setDefaultTimeout(60_000);
    try {
      await look(tab, page, view, whole);
      if (!view.scripts) await compare(tab, await (await contextOf({ ...view, scripts: true })).newPage(), page);
    } finally {
      await tab.close();
    }
  }
}

/** @param {View} view */
function nameOf(view) {
  return `${view.width} ${view.scheme}${view.scripts ? "" : " without scripts"}`;
}

/**
 * Whether scripts add places to go to.
 * @param {import("playwright-core").Page} without @param {import("playwright-core").Page} scripted @param {Planned} planned
 */
async function compare(without, scripted, planned) {
  try {
    await scripted.goto(plan.base + planned.path, { waitUntil: "load" });
    const has = await without.evaluate(links);
    const lacking = (await scripted.evaluate(links)).filter((l) => !has.includes(l));
    if (lacking.length) {
      result.findings.push({ page: planned.path, view: "without scripts", what: `without scripts there is no link to ${lacking.slice(0, 3).join(", ")}` });
    }
  } finally {
    await scripted.close();
  }
}

/**
 * @param {import("playwright-core").Page} page
 * @param {Planned} planned @param {View} view @param {boolean} whole
 */
async function look(page, planned, view, whole) {
  const name = nameOf(view);
  /** @param {string} what */
  const find = (what) => {
    if (!said.has(what)) result.findings.push({ page: planned.path, view: name, what });
    said.add(what);
  };
  const said = new Set();
  // A script that is added so is no script of the page: the policy holds for
  // those of the page alone, and for what they add.
  await page.addInitScript({ content: axe.source });
  page.on("console", (m) => {
    if (m.type() === "error" || m.type() === "warning") find(`the console says (${m.type()}): ${m.text()}`);
  });
  page.on("pageerror", (e) => find(`a script failed: ${e.message}`));
  page.on("dialog", (d) => {
    find(`a dialog: ${d.message()}`);
    void d.dismiss();
  });
  page.on("request", (r) => {
    if (new URL(r.url()).origin !== plan.base) find(`a request to another origin: ${r.url()}`);
  });
  page.on("requestfailed", (r) => find(`a request failed: ${r.url()}: ${r.failure()?.errorText}`));
  page.on("response", (r) => {
    if (r.status() >= 400) find(`${r.url()} answers ${r.status()}`);
  });
  await page.goto(plan.base + planned.path, { waitUntil: "load" });
  result.opened++;
  if (!view.scripts) {
    for (const what of await page.evaluate(standsAlone)) find(what);
    return;
  }
  for (const what of await audit(page)) find(what);
  for (const what of await page.evaluate(contrastOfDrawing)) find(what);
  if (view.width === narrow) {
    for (const width of [narrow, narrowest]) {
      await page.setViewportSize({ width, height: 900 });
      for (const what of await page.evaluate(reflows)) find(what);
    }
    await page.setViewportSize({ width: narrow, height: 900 });
  }
  if (whole && plan.screenshots && view.scheme === "light") {
    await page.screenshot({ path: picture(planned.kind, view), fullPage: true });
  }
  if (whole && view.scheme === "light") {
    for (const what of await keyboard(page)) find(what);
  } else if (whole && plan.screenshots && view.width === wide) {
    await page.screenshot({ path: picture(planned.kind, view), fullPage: true });
  }
}

/** @param {string} kind @param {View} view */
function picture(kind, view) {
  const name = kind.replaceAll("*", "one").replaceAll(/[^a-z0-9]+/gi, "-").replaceAll(/^-|-$/g, "") || "first";
  return join(plan.screenshots, `${name}-${view.width}-${view.scheme}.png`);
}

/** @param {import("playwright-core").Page} page @returns {Promise<string[]>} */
async function audit(page) {
  const violations = await page.evaluate(async () => {
    const run = /** @type {typeof import("axe-core")} */ (Reflect.get(window, "axe")).run;
    const report = await run(document, {
      resultTypes: ["violations"],
      preload: false, // it would fetch the style sheets, which no script of a page may
      runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
      rules: { "target-size": { enabled: true } },
    });
    return report.violations.flatMap((v) => v.nodes
      // The points of a chart may stand closer than fingers are thick: what
      // they lead to is listed elsewhere on the page (standsAlone asks that).
      .filter((n) => v.id !== "target-size" || !document.querySelector(String(n.target[0]))?.closest("svg"))
      .map((n) => `axe: ${v.id} (${v.help}): ${String(n.html).slice(0, 160)}: ${String(n.failureSummary).split("\n").slice(1).join(" ").trim()}`));
  });
  result.axe++;
  // One fault in every row of a table is one fault.
  const rules = new Map();
  for (const v of violations) {
    const rule = v.split(":", 2).join(":");
    rules.set(rule, [...(rules.get(rule) ?? []), v]);
  }
  return [...rules.values()].map((all) => (all.length > 1 ? `${all[0]} (and ${all.length - 1} more)` : all[0]));
}
