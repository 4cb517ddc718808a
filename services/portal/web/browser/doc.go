// Package browser opens what a server serves as people do: it follows every
// link, and drives a real Chromium over every kind of page, wide and narrow,
// light and dark, by keyboard, and without scripts.
//
// It owns what is a fault of a page: an answer that is no page, a link to
// nowhere, a script or style that the policy forbids, a request that leaves
// the machine, a rule of axe (WCAG 2.2 AA and best practice), a page that
// scrolls sideways, what a keyboard cannot reach, what a page without scripts
// lacks. It refuses to own what a page says, and only tests use it.
//
// Chromium is that of a pinned npm package (see chromium.mjs), or the one that
// LARSTROM_CHROMIUM names.
package browser
