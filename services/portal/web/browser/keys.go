package browser

import (
	"context"
	"encoding/json"
	"fmt"
)

// Reviewing names the pages on which a person reviews by the keyboard: a list of
// flags, a flag that has one before it and one after it, whose decisions are all
// offered, and the page of keys.
type Reviewing struct {
	Base string `json:"base"`
	List string `json:"list"`
	Flag string `json:"flag"`
	Keys string `json:"keys"`
}

// CheckKeys presses in Chromium every key of reviewing, and gives what it could
// not do. An error is one of the machine.
func CheckKeys(ctx context.Context, r Reviewing) ([]string, error) {
	out, err := node(ctx, "keys.mjs", r)
	if err != nil {
		return nil, err
	}
	var faults []string
	if err := json.Unmarshal(out, &faults); err != nil {
		return nil, fmt.Errorf("keys.mjs: %w: %.300q", err, out)
	}
	return faults, nil
}
