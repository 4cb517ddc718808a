// A field above a long table or list that hides the rows which lack a word. In
// a list within a list a row also has the words of those above it, and a row
// that lacks a word stays while one below it has all.

/** Below so many rows a field is more to read than the list is. */
const fewest = 10;

interface Row {
  readonly element: HTMLElement;
  readonly text: string;
  readonly above: number; // its index; -1: none
}

/**
 * filter puts the field before the list. data-filter is the label of the
 * field; data-filter-count is how the result is told, "{shown}" and "{all}"
 * standing for the numbers.
 */
export function filter(list: HTMLElement): void {
  const rows = rowsOf(list);
  if (rows.length < fewest) return;

  const field = document.createElement("input");
  field.type = "search";
  field.autocomplete = "off";
  field.spellcheck = false;
  const label = document.createElement("label");
  label.append(list.dataset["filter"] ?? "", " ", field);
  const count = document.createElement("output");
  count.setAttribute("role", "status");
  const line = document.createElement("p");
  line.className = "filter";
  line.append(label, " ", count);
  // A table may stand in a box of its own that scrolls: the field stands outside.
  (list.closest("[data-filter-place]") ?? list).before(line);

  const form = list.dataset["filterCount"] || "{shown} / {all}";
  const apply = (): void => {
    const wanted = fold(field.value).split(" ").filter(Boolean);
    const has = rows.map((r) => wanted.every((w) => r.text.includes(w)));
    const stays = [...has];
    for (let i = rows.length - 1; i >= 0; i--) {
      const above = rows[i]?.above ?? -1;
      if (stays[i] && above >= 0) stays[above] = true;
    }
    rows.forEach((r, i) => (r.element.hidden = !stays[i]));
    const shown = has.filter(Boolean).length;
    const told = form.replace("{shown}", String(shown)).replace("{all}", String(rows.length));
    if (count.textContent !== told) count.textContent = told;
  };
  field.addEventListener("input", apply);
  apply();
}

function rowsOf(list: HTMLElement): Row[] {
  if (list instanceof HTMLTableElement) {
    return [...list.tBodies].flatMap((b) => [...b.rows]).map((element) => ({ element, text: fold(element.textContent ?? ""), above: -1 }));
  }
  const elements = [...list.querySelectorAll("li")];
  const rows: Row[] = [];
  for (const element of elements) {
    // In the order of the page, so that those above are there already.
    const above = element.parentElement?.closest("li");
    const at = above ? elements.indexOf(above) : -1;
    const own = [...element.childNodes].filter((n) => !(n instanceof HTMLUListElement || n instanceof HTMLOListElement));
    rows.push({ element, text: fold([rows[at]?.text ?? "", ...own.map((n) => n.textContent ?? "")].join(" ")), above: at });
  }
  return rows;
}

/** fold makes "Östra" findable as "ostra", in any letter case. */
function fold(s: string): string {
  return s.normalize("NFD").replace(/\p{M}/gu, "").toLowerCase().replace(/\s+/g, " ").trim();
}
