package openapi

import _ "embed"

// Embedding needs a variable; nothing writes to it.

//go:embed upload.yaml
var upload string

// Upload is the document of the upload of exports, in YAML.
func Upload() []byte { return []byte(upload) }
