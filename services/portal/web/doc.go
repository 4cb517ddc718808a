// Package web owns the scripts of the portal: TypeScript in src, bundled into
// dist/portal.js, which is committed so that a build needs no Node. A test of
// package bundle holds that the bundle is that of the sources.
//
// It refuses to own pages, styles and words: every page works without scripts,
// and what scripts say, they take from the page. They ask no server, keep
// nothing about who reads, and change the page by attributes and elements
// alone, as the content security policy wants.
//
// # What the scripts look for
//
//   - svg.lf (package figure) with linked points: the chart becomes one stop of
//     the keyboard; arrow keys, Home and End move, Enter follows the link. An
//     element with data-readout in the same figure element, hidden until then,
//     tells the chosen point in words: the table row of the page that has the
//     same link, else the label of the point. That row gets the class chosen.
//   - data-filter="LABEL" and data-filter-count="{shown} of {all}" on a table or
//     list, also one of lists: where it has ten rows or more, a field that
//     filters it, in p.filter before it (before the closest data-filter-place,
//     where there is one).
//   - data-key on a button or link: its key in reviewing. data-keys on a table
//     whose cells have data-key-of: keys can be chosen there. The choice is the
//     only thing that is remembered, in the browser itself (larstrom-keys).
package web
