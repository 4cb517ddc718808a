// Keys for reviewing: each is that of a button or link on the page that says so
// (data-key), so that nothing is done by a key that cannot be seen. A key opens
// a panel or follows a link; it never sends anything. Keys are off while typing
// and together with other keys, which belong to the browser. A person may choose
// others (page "keys"): her choice stays in her browser.

/** How long the first of two keys waits for the second. */
const patience = 1500;

/** Where the choice of keys is kept: the usual key of each, and the chosen one. */
const place = "larstrom-keys";

type Choice = Readonly<Record<string, string>>;

/** chosen are the keys that a person has chosen; a browser that keeps nothing has none. */
function chosen(): Choice {
  try {
    const kept: unknown = JSON.parse(localStorage.getItem(place) ?? "{}");
    if (typeof kept !== "object" || kept === null) return {};
    return Object.fromEntries(Object.entries(kept).filter((e): e is [string, string] => typeof e[1] === "string" && isKey(e[1])));
  } catch {
    return {};
  }
}

function keep(choice: Choice): void {
  try {
    localStorage.setItem(place, JSON.stringify(choice));
  } catch {
    // Without a memory the choice lasts as long as the page.
  }
}

/** isKey reports whether the text is one key, or two after each other. */
function isKey(text: string): boolean {
  return /^\S( \S)?$/u.test(text);
}

/** chooser makes a table of keys one in which they can be chosen. */
export function chooser(table: HTMLElement): void {
  let choice = chosen();
  const said = document.createElement("p");
  said.setAttribute("role", "status");
  const fields = new Map<string, HTMLInputElement>();
  const fill = (): void => fields.forEach((f, usual) => (f.value = choice[usual] ?? usual));
  for (const cell of table.querySelectorAll<HTMLElement>("[data-key-of]")) {
    const usual = cell.dataset["keyOf"] ?? "";
    const field = document.createElement("input");
    field.size = 4;
    field.maxLength = 3;
    field.autocomplete = "off";
    field.spellcheck = false;
    field.setAttribute("aria-label", cell.dataset["label"] ?? usual);
    field.addEventListener("change", () => {
      const key = field.value.trim();
      const taken = [...fields].some(([other, f]) => other !== usual && f.value === key);
      field.setAttribute("aria-invalid", String(taken || !isKey(key)));
      if (taken || !isKey(key)) {
        said.textContent = table.dataset["refused"] ?? "";
        return;
      }
      choice = { ...choice, [usual]: key };
      keep(choice);
      said.textContent = table.dataset["kept"] ?? "";
    });
    fields.set(usual, field);
    cell.replaceChildren(field);
  }
  const reset = document.createElement("button");
  reset.type = "button";
  reset.textContent = table.dataset["reset"] ?? "";
  reset.addEventListener("click", () => {
    choice = {};
    keep(choice);
    fields.forEach((f) => f.removeAttribute("aria-invalid"));
    fill();
    said.textContent = table.dataset["kept"] ?? "";
  });
  fill();
  (table.closest(".scroll") ?? table).after(reset, said);
}

/** keys listens for the keys of the page's elements. */
export function keys(page: Document): void {
  const choice = chosen();
  const keyOf = (usual: string): string => choice[usual] ?? usual;
  const bound = new Map<string, HTMLElement>();
  for (const e of page.querySelectorAll<HTMLElement>("[data-key]")) {
    const key = keyOf(e.dataset["key"] ?? "");
    if (key && !bound.has(key)) bound.set(key, e);
    e.setAttribute("aria-keyshortcuts", key);
    const shown = e.querySelector("kbd");
    if (shown) shown.textContent = key;
  }
  const [down, up] = [keyOf("j"), keyOf("k")];
  const list = page.querySelector<HTMLElement>("[data-list]");
  if (bound.size === 0 && !list) return;

  let first = "";
  let since = 0;
  page.addEventListener("keydown", (e) => {
    if (e.defaultPrevented || e.altKey || e.ctrlKey || e.metaKey || e.repeat || typing(e.target)) return;
    const pair = first && e.timeStamp - since < patience ? `${first} ${e.key}` : "";
    first = "";
    const target = (pair && bound.get(pair)) || bound.get(e.key);
    if (target) {
      e.preventDefault();
      act(target);
    } else if (list && (e.key === down || e.key === up)) {
      e.preventDefault();
      step(list, e.key === down ? 1 : -1);
    } else if ([...bound.keys()].some((k) => k.startsWith(`${e.key} `))) {
      first = e.key;
      since = e.timeStamp;
    }
  });
}

/** typing reports whether keys are text where the focus is. */
function typing(target: EventTarget | null): boolean {
  return target instanceof HTMLElement && (target.isContentEditable || target.matches("input, textarea, select"));
}

/** act opens a panel and goes to its first field, follows a link, or goes to a field. */
function act(e: HTMLElement): void {
  const panel = e.closest("details");
  if (panel && e.tagName === "SUMMARY") {
    panel.open = true;
    const field = panel.querySelector<HTMLElement>("select, textarea, input:not([type=hidden])");
    (field ?? e).focus();
    return;
  }
  if (e instanceof HTMLAnchorElement) {
    e.click();
    return;
  }
  e.focus();
}

/** step goes to the link of the next row, or of the one before. Enter follows it. */
function step(list: HTMLElement, by: number): void {
  const links = [...list.querySelectorAll<HTMLAnchorElement>("a[data-row]")].filter((a) => a.offsetParent !== null);
  const at = links.findIndex((a) => a === document.activeElement);
  const to = at < 0 ? (by > 0 ? 0 : links.length - 1) : Math.min(Math.max(at + by, 0), links.length - 1);
  links[to]?.focus();
}
