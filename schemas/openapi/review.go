package openapi

import _ "embed"

// Embedding needs a variable; nothing writes to it.

//go:embed review.yaml
var review string

// Review is the document of the review of flags, in YAML.
func Review() []byte { return []byte(review) }
