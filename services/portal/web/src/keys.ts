// Keys for reviewing: each is that of a button or link on the page that says so
// (data-key), so that nothing is done by a key that cannot be seen. A key opens
// a panel or follows a link; it never sends anything. Keys are off while typing
// and together with other keys, which belong to the browser.

/** How long the first of two keys waits for the second. */
const patience = 1500;

/** keys listens for the keys of the page's elements. */
export function keys(page: Document): void {
  const bound = new Map<string, HTMLElement>();
  for (const e of page.querySelectorAll<HTMLElement>("[data-key]")) {
    const key = e.dataset["key"];
    if (key && !bound.has(key)) bound.set(key, e);
  }
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
    } else if (list && (e.key === "j" || e.key === "k")) {
      e.preventDefault();
      step(list, e.key === "j" ? 1 : -1);
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
