"use strict";
(() => {
  // src/chart.ts
  var reach = 40;
  function chart(svg) {
    const points = pointsOf(svg);
    const newest = points.at(-1);
    if (!newest) return;
    const tell = readout(svg);
    let current = svg.classList.contains("lf-funnel") ? points[0] ?? newest : newest;
    for (const p of points) p.link.setAttribute("tabindex", p === current ? "0" : "-1");
    const show = (p) => {
      for (const q of points) mark(q, q === p);
      tell(p);
    };
    const choose = (p) => {
      current.link.setAttribute("tabindex", "-1");
      p.link.setAttribute("tabindex", "0");
      current = p;
      show(p);
    };
    const around = svg.parentElement ?? document.body;
    around.addEventListener("focusin", (e) => {
      const p = points.find((q) => e.target instanceof Node && q.link.contains(e.target));
      if (p) choose(p);
    });
    around.addEventListener("focusout", (e) => {
      if (e.target instanceof Node && svg.contains(e.target)) show(void 0);
    });
    svg.addEventListener("keydown", (e) => {
      if (e.altKey || e.ctrlKey || e.metaKey || e.shiftKey) return;
      const at = points.indexOf(current);
      const to = { ArrowLeft: at - 1, ArrowRight: at + 1, Home: 0, End: points.length - 1 }[e.key];
      if (to === void 0) return;
      e.preventDefault();
      points[Math.min(Math.max(to, 0), points.length - 1)]?.link.focus();
    });
    const overTime = svg.classList.contains("lf-control");
    const near = (e) => show(nearest(points, svg, e, overTime));
    svg.addEventListener("pointermove", near);
    svg.addEventListener("pointerdown", near);
    svg.addEventListener("pointerleave", () => show(svg.contains(document.activeElement) ? current : void 0));
  }
  function pointsOf(svg) {
    const points = [];
    for (const link of svg.querySelectorAll("a[href]")) {
      const m = link.querySelector("g[transform]")?.transform.baseVal.consolidate()?.matrix;
      if (m) points.push({ link, x: m.e, y: m.f });
    }
    return points.sort((a, b) => a.x - b.x || a.y - b.y);
  }
  function nearest(points, svg, e, overTime) {
    const toDrawing = svg.getScreenCTM()?.inverse();
    if (!toDrawing) return void 0;
    const at = new DOMPoint(e.clientX, e.clientY).matrixTransform(toDrawing);
    let best;
    let least = reach;
    for (const p of points) {
      const distance = Math.hypot(p.x - at.x, overTime ? 0 : p.y - at.y);
      if (distance < least) [best, least] = [p, distance];
    }
    return best;
  }
  function mark(p, on) {
    for (const ring of p.link.querySelectorAll(".lf-focus")) {
      ring.setAttribute("stroke", "currentColor");
      ring.setAttribute("stroke-opacity", on ? "1" : "0");
    }
  }
  function readout(svg) {
    const given = svg.closest("figure")?.querySelector("[data-readout]");
    const line = given ?? document.createElement("p");
    if (!given) svg.after(line);
    const hint = line.textContent?.trim() || " ";
    line.textContent = hint;
    line.classList.add("readout");
    line.setAttribute("aria-hidden", "true");
    line.hidden = false;
    let marked;
    return (p) => {
      const row = p && rowOf(p);
      marked?.classList.remove("chosen");
      marked = row;
      marked?.classList.add("chosen");
      line.textContent = p && (row && sentence(row) || p.link.getAttribute("aria-label")) || hint;
    };
  }
  function rowOf(p) {
    const href = p.link.getAttribute("href") ?? "";
    return document.querySelector(`td a[href="${CSS.escape(href)}"], th a[href="${CSS.escape(href)}"]`)?.closest("tr") ?? void 0;
  }
  function sentence(row) {
    const heads = row.closest("table")?.tHead?.rows[0]?.cells;
    const parts = [];
    for (const [i, cell] of [...row.cells].entries()) {
      const said = words(cell);
      if (!said || said === "–") continue;
      const head = heads?.[i] ? words(heads[i]) : "";
      parts.push(i === 0 || !head ? said : `${head} ${said}`);
    }
    return parts.join(" · ");
  }
  function words(e) {
    return (e.textContent ?? "").replace(/\s+/g, " ").trim();
  }

  // src/filter.ts
  var fewest = 10;
  function filter(list) {
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
    (list.closest("[data-filter-place]") ?? list).before(line);
    const form = list.dataset["filterCount"] || "{shown} / {all}";
    const apply = () => {
      const wanted = fold(field.value).split(" ").filter(Boolean);
      const has = rows.map((r) => wanted.every((w) => r.text.includes(w)));
      const stays = [...has];
      for (let i = rows.length - 1; i >= 0; i--) {
        const above = rows[i]?.above ?? -1;
        if (stays[i] && above >= 0) stays[above] = true;
      }
      rows.forEach((r, i) => r.element.hidden = !stays[i]);
      const shown = has.filter(Boolean).length;
      const told = form.replace("{shown}", String(shown)).replace("{all}", String(rows.length));
      if (count.textContent !== told) count.textContent = told;
    };
    field.addEventListener("input", apply);
    apply();
  }
  function rowsOf(list) {
    if (list instanceof HTMLTableElement) {
      return [...list.tBodies].flatMap((b) => [...b.rows]).map((element) => ({ element, text: fold(element.textContent ?? ""), above: -1 }));
    }
    const elements = [...list.querySelectorAll("li")];
    const rows = [];
    for (const element of elements) {
      const above = element.parentElement?.closest("li");
      const at = above ? elements.indexOf(above) : -1;
      const own = [...element.childNodes].filter((n) => !(n instanceof HTMLUListElement || n instanceof HTMLOListElement));
      rows.push({ element, text: fold([rows[at]?.text ?? "", ...own.map((n) => n.textContent ?? "")].join(" ")), above: at });
    }
    return rows;
  }
  function fold(s) {
    return s.normalize("NFD").replace(/\p{M}/gu, "").toLowerCase().replace(/\s+/g, " ").trim();
  }

  // src/hash.ts
  var largest = 100 * 1e3 * 1e3;
  function hash(place2) {
    const field = place2.querySelector("input");
    if (!field || !globalThis.crypto?.subtle) return;
    const file = document.createElement("input");
    file.type = "file";
    const label = document.createElement("label");
    label.append(`${place2.dataset["label"] ?? ""} `, file);
    const lead = document.createElement("span");
    lead.className = "quiet";
    lead.textContent = place2.dataset["lead"] ?? "";
    const said = document.createElement("span");
    said.setAttribute("role", "status");
    file.addEventListener("change", async () => {
      const chosen2 = file.files?.[0];
      field.value = "";
      said.textContent = "";
      if (!chosen2) return;
      if (chosen2.size > largest) {
        said.textContent = place2.dataset["tooLarge"] ?? "";
        return;
      }
      said.textContent = place2.dataset["wait"] ?? "";
      const sum = await crypto.subtle.digest("SHA-256", await chosen2.arrayBuffer());
      if (file.files?.[0] !== chosen2) return;
      field.value = [...new Uint8Array(sum)].map((b) => b.toString(16).padStart(2, "0")).join("");
      said.textContent = "";
    });
    place2.prepend(label, " ", lead, " ", said, document.createElement("br"));
  }

  // src/keys.ts
  var patience = 1500;
  var place = "larstrom-keys";
  function chosen() {
    try {
      const kept = JSON.parse(localStorage.getItem(place) ?? "{}");
      if (typeof kept !== "object" || kept === null) return {};
      return Object.fromEntries(Object.entries(kept).filter((e) => typeof e[1] === "string" && isKey(e[1])));
    } catch {
      return {};
    }
  }
  function keep(choice) {
    try {
      localStorage.setItem(place, JSON.stringify(choice));
    } catch {
    }
  }
  function isKey(text) {
    return /^\S( \S)?$/u.test(text);
  }
  function chooser(table) {
    let choice = chosen();
    const said = document.createElement("p");
    said.setAttribute("role", "status");
    const fields = /* @__PURE__ */ new Map();
    const fill = () => fields.forEach((f, usual) => f.value = choice[usual] ?? usual);
    for (const cell of table.querySelectorAll("[data-key-of]")) {
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
  function keys(page) {
    const choice = chosen();
    const keyOf = (usual) => choice[usual] ?? usual;
    const bound = /* @__PURE__ */ new Map();
    for (const e of page.querySelectorAll("[data-key]")) {
      const key = keyOf(e.dataset["key"] ?? "");
      if (key && !bound.has(key)) bound.set(key, e);
      e.setAttribute("aria-keyshortcuts", key);
      const shown = e.querySelector("kbd");
      if (shown) shown.textContent = key;
    }
    const [down, up] = [keyOf("j"), keyOf("k")];
    const list = page.querySelector("[data-list]");
    if (bound.size === 0 && !list) return;
    let first = "";
    let since = 0;
    page.addEventListener("keydown", (e) => {
      if (e.defaultPrevented || e.altKey || e.ctrlKey || e.metaKey || e.repeat || typing(e.target)) return;
      const pair = first && e.timeStamp - since < patience ? `${first} ${e.key}` : "";
      first = "";
      const target = pair && bound.get(pair) || bound.get(e.key);
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
  function typing(target) {
    return target instanceof HTMLElement && (target.isContentEditable || target.matches("input, textarea, select"));
  }
  function act(e) {
    const panel = e.closest("details");
    if (panel && e.tagName === "SUMMARY") {
      panel.open = true;
      const field = panel.querySelector("select, textarea, input:not([type=hidden])");
      (field ?? e).focus();
      return;
    }
    if (e instanceof HTMLAnchorElement) {
      e.click();
      return;
    }
    e.focus();
  }
  function step(list, by) {
    const links = [...list.querySelectorAll("a[data-row]")].filter((a) => a.offsetParent !== null);
    const at = links.findIndex((a) => a === document.activeElement);
    const to = at < 0 ? by > 0 ? 0 : links.length - 1 : Math.min(Math.max(at + by, 0), links.length - 1);
    links[to]?.focus();
  }

  // src/portal.ts
  for (const svg of document.querySelectorAll("svg.lf")) chart(svg);
  for (const list of document.querySelectorAll("[data-filter]")) filter(list);
  for (const table of document.querySelectorAll("[data-keys]")) chooser(table);
  for (const place2 of document.querySelectorAll("[data-hash]")) hash(place2);
  keys(document);
})();
