// Reviews by the keyboard alone: reads {base, list, flag, keys} on standard input
// (see keys.go) and writes what a person could not do.

import { text } from "node:stream/consumers";
import { chromium } from "playwright-core";
import { findChromium } from "./chromium.mjs";

/** @type {{base: string, list: string, flag: string, keys: string}} */
const plan = JSON.parse(await text(process.stdin));
/** @type {string[]} */
const faults = [];
/** @param {boolean} holds @param {string} what */
const want = (holds, what) => void (holds || faults.push(what));

const { executable, env } = await findChromium();
const browser = await chromium.launch({ executablePath: executable, env, headless: true,
  args: ["--no-sandbox", "--disable-gpu", "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"] });
try {
  const page = await browser.newPage();
  const at = () => { const u = new URL(page.url()); return u.pathname; };
  /** The panel of a decision: whether it is open, and whether the focus is in it. @param {string} kind */
  const panel = (kind) => page.evaluate((k) => {
    const form = document.querySelector(`details form input[name=kind][value=${k}]`)?.closest("details");
    return { there: !!form, open: !!form?.open, within: !!form?.contains(document.activeElement) };
  }, kind);
  /** A page whose script has run. @param {string} path */
  const open = async (path) => {
    await page.goto(plan.base + path);
    await page.waitForFunction(() => document.querySelector("[aria-keyshortcuts], [data-key-of] input"));
  };
  const sent = /** @type {string[]} */ ([]);
  page.on("request", (r) => { if (r.method() === "POST") sent.push(r.url()); });

  await open(plan.flag);
  for (const [key, kind] of Object.entries({ a: "accept", x: "reject", e: "correct", c: "comment", s: "snooze", u: "undo", f: "attach", p: "assign" })) {
    await open(plan.flag);
    const before = await panel(kind);
    want(before.there, `there is no visible button to ${kind}`);
    want(!before.open, `${kind} is open from the beginning`);
    await page.keyboard.press(key);
    const after = await panel(kind);
    want(after.open && after.within, `${key} does not lead into the panel to ${kind}`);
    // Off while typing: the letter is text, and opens nothing.
    await open(plan.flag);
    await page.keyboard.press("c");
    await page.waitForFunction(() => document.activeElement instanceof HTMLTextAreaElement);
    await page.keyboard.type(key);
    const typed = await page.evaluate(() => /** @type {HTMLTextAreaElement} */ (document.activeElement)?.value);
    want(typed === key, `typing ${key} in a text gives ${JSON.stringify(typed)}`);
    if (kind !== "comment") want(!(await panel(kind)).open, `${key} opens the panel to ${kind} while typing`);
    // With another key it is the browser's.
    await open(plan.flag);
    await page.keyboard.press(`Alt+${key}`);
    want(!(await panel(kind)).open, `Alt and ${key} open the panel to ${kind}`);
  }
  // Evidence: the hash of a document is computed here, and the document is not sent.
  await open(plan.flag);
  await page.keyboard.press("f");
  await page.locator("[data-hash] input[type=file]").setInputFiles({ name: "list.txt", mimeType: "text/plain", buffer: Buffer.from("abc") });
  const sum = page.locator("[data-hash] input[name=sha256]");
  await page.waitForFunction(() => /** @type {HTMLInputElement | null} */ (document.querySelector("[data-hash] input[name=sha256]"))?.value);
  want((await sum.inputValue()) === "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad", `the SHA-256 of abc is ${await sum.inputValue()}`);
  want(!(await page.locator("[data-hash] input[type=file]").getAttribute("name")), "the document would be sent");
  want(sent.length === 0, `a key sends something: ${sent}`);

  await open(plan.flag);
  const [next, previous] = await page.evaluate(() => ["next", "prev"].map((r) => document.querySelector(`a[rel=${r}]`)?.getAttribute("href")));
  await Promise.all([page.waitForURL((u) => u.pathname === next), page.keyboard.press("j")]);
  await open(plan.flag);
  await Promise.all([page.waitForURL((u) => u.pathname === previous), page.keyboard.press("k")]);
  await open(plan.flag);
  await page.keyboard.press("?");
  want(await page.evaluate(() => !!document.querySelector("details[open] [data-key='?']")), "? opens no help");
  await page.keyboard.press("g");
  await Promise.all([page.waitForURL((u) => u.pathname === plan.list), page.keyboard.press("q")]);

  // The list: j and k from row to row, Enter opens, / goes to the filter.
  const row = () => page.evaluate(() => document.activeElement?.getAttribute("href"));
  await page.keyboard.press("j");
  const first = await row();
  await page.keyboard.press("j");
  const second = await row();
  want(!!first && !!second && first !== second, `j goes from ${first} to ${second}`);
  await page.keyboard.press("k");
  want((await row()) === first, "k does not go back");
  await Promise.all([page.waitForURL((u) => u.pathname === first), page.keyboard.press("Enter")]);
  await open(plan.list);
  await page.keyboard.press("/");
  want(await page.evaluate(() => document.activeElement?.matches("select, input") ?? false), "/ does not lead to the filter");

  // Other keys, kept in the browser.
  await open(plan.keys);
  const field = page.locator("[data-key-of=a] input");
  await field.fill("x"); // another action has it
  await field.press("Tab");
  want((await field.getAttribute("aria-invalid")) === "true", "two actions may have one key");
  await field.fill("y");
  await field.press("Tab");
  want((await field.getAttribute("aria-invalid")) === "false", "a free key is refused");
  await open(plan.flag);
  want(await page.evaluate(() => document.querySelector("[data-key=a] kbd")?.textContent === "y"), "the button does not say its new key");
  await page.keyboard.press("a");
  want(!(await panel("accept")).open, "the usual key still works");
  await page.keyboard.press("y");
  want((await panel("accept")).open, "the chosen key does not work");
  want(at() === plan.flag, "a key leads away");
} finally {
  await browser.close();
}
process.stdout.write(JSON.stringify(faults));
