package web

import _ "embed"

//go:embed dist/portal.js
var script string

// Script is the bundle. It looks at the page once, when that has been read:
// load it as a module or with defer.
func Script() []byte { return []byte(script) }
