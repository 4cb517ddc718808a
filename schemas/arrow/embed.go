package arrow

import (
	"embed"
	"io/fs"
)

//go:embed *.json
var files embed.FS

// Files holds obs.json and cell.json.
func Files() fs.FS { return files }
