// What scripts add to pages that work without them: a way through the points
// of a chart, a filter over long lists, the hash of a document, and keys for reviewing. Nothing is remembered but the
// choice of keys, in the browser itself, nothing is asked of a server, and the words are those of the page.

import { chart } from "./chart.js";
import { filter } from "./filter.js";
import { hash } from "./hash.js";
import { chooser, keys } from "./keys.js";

for (const svg of document.querySelectorAll<SVGSVGElement>("svg.lf")) chart(svg);
for (const list of document.querySelectorAll<HTMLElement>("[data-filter]")) filter(list);
for (const table of document.querySelectorAll<HTMLElement>("[data-keys]")) chooser(table);
for (const place of document.querySelectorAll<HTMLElement>("[data-hash]")) hash(place);
keys(document);
