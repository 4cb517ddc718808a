package browser

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// Plan says what Chromium looks at.
type Plan struct {
	// Base is the origin, as "http://127.0.0.1:8080".
	Base string `json:"base"`
	// Whole are the pages that are looked at in every view and by keyboard.
	Whole []Page `json:"whole"`
	// Sample are the pages that are opened once each.
	Sample []Page `json:"sample"`
	// Screenshots is a folder for a picture of each whole page, wide and
	// narrow; empty: none are made.
	Screenshots string `json:"screenshots"`
}

// NewPlan takes the largest page of each kind whole, and the smallest, the
// middle and up to more others of it, evenly spread by size, as a sample.
func NewPlan(base string, pages []Page, more int) Plan {
	kinds := map[string][]Page{}
	for _, p := range pages {
		kinds[p.Kind] = append(kinds[p.Kind], p)
	}
	plan := Plan{Base: base}
	for _, of := range kinds {
		slices.SortFunc(of, func(a, b Page) int {
			return cmp.Or(cmp.Compare(b.Bytes, a.Bytes), cmp.Compare(a.Path, b.Path))
		})
		plan.Whole = append(plan.Whole, of[0])
		rest := of[1:]
		n := min(len(rest), 2+more)
		for i := range n {
			plan.Sample = append(plan.Sample, rest[(i+1)*len(rest)/n-1])
		}
	}
	byPath := func(a, b Page) int { return cmp.Compare(a.Path, b.Path) }
	slices.SortFunc(plan.Whole, byPath)
	slices.SortFunc(plan.Sample, byPath)
	return plan
}

// Result is what Chromium saw.
type Result struct {
	Browser  string    `json:"browser"`
	Opened   int       `json:"opened"` // pages, each view counted
	Axe      int       `json:"axe"`    // runs of axe
	Findings []Finding `json:"findings"`
}

// Check drives Chromium over the plan. An error is one of the machine (no
// Node, no Chromium, a crash), with what to do; faults of pages are findings.
func Check(ctx context.Context, plan Plan) (Result, error) {
	out, err := node(ctx, "check.mjs", plan)
	if err != nil {
		return Result{}, err
	}
	var r Result
	if err := json.Unmarshal(out, &r); err != nil {
		return Result{}, fmt.Errorf("check.mjs: %w: %.300q", err, out)
	}
	return r, nil
}

// node runs a script that reads a value as JSON and writes another.
func node(ctx context.Context, script string, v any) ([]byte, error) {
	dir, err := folder()
	if err != nil {
		return nil, err
	}
	in, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, "node", filepath.Join(dir, script))
	cmd.Stdin = bytes.NewReader(in)
	var out, log bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &log
	if err := cmd.Run(); err != nil {
		if errors.Is(err, exec.ErrNotFound) {
			return nil, fmt.Errorf("browser tests need Node 20.11 or later: %w", err)
		}
		return nil, fmt.Errorf("%s: %w: %s", script, err, strings.TrimSpace(log.String()))
	}
	return out.Bytes(), nil
}

// folder is that of check.mjs, beside which npm's packages lie.
func folder() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			break
		}
		if dir == filepath.Dir(dir) {
			return "", errors.New("browser: there is no go.mod above the working folder")
		}
		dir = filepath.Dir(dir)
	}
	web := filepath.Join(dir, "services", "portal", "web")
	if _, err := os.Stat(filepath.Join(web, "node_modules", "playwright-core")); err != nil {
		return "", errors.New("the npm packages of services/portal/web are not installed: run `make web`")
	}
	return filepath.Join(web, "browser"), nil
}
