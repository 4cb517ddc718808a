package events

import (
	"embed"
	"io/fs"
)

//go:embed *.json
var files embed.FS

// Files holds <type>.json for every event type.
func Files() fs.FS { return files }
