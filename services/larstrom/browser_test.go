package main

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"larstrom/services/portal/web/browser"
)

// TestBrowser opens the portal of a running deployment as people do: every
// link is followed, every kind of page is seen in Chromium. The region is small
// and has every kind of fault, so that much is held, flagged and left out. A
// folder in LARSTROM_SCREENSHOTS gets a picture of each kind of page.
func TestBrowser(t *testing.T) {
	root := t.TempDir()
	data, region := filepath.Join(root, "data"), filepath.Join(root, "region")
	for _, args := range [][]string{
		{"simulate", "--out", region, "--seed", "1", "--units", "6", "--indicators", "4", "--months", "13", "--nights", "2"},
		{"up", "--once", "--data", data, "--catalog", filepath.Join(region, "catalog"), "--drop", filepath.Join(region, "drop")},
	} {
		if r := larstrom(t, "", args...); r.Status != 0 {
			t.Fatalf("%s: %+v", args[0], r)
		}
	}
	_, listen := daemon(t, data)
	base := "http://" + listen
	ctx, stop := context.WithTimeout(t.Context(), 8*time.Minute)
	defer stop()
	started := time.Now()
	site, err := browser.Crawl(ctx, base)
	if err != nil {
		t.Fatal(err)
	}
	crawled := time.Since(started)
	plan := browser.NewPlan(base, site.Pages, 0)
	if plan.Screenshots = os.Getenv("LARSTROM_SCREENSHOTS"); plan.Screenshots != "" && !filepath.IsAbs(plan.Screenshots) {
		t.Fatalf("LARSTROM_SCREENSHOTS=%s: name a folder from the root", plan.Screenshots)
	}
	seen, err := browser.Check(ctx, plan)
	if err != nil {
		t.Fatal(err)
	}
	for _, told := range browser.Fold(append(site.Findings, seen.Findings...)) {
		t.Error(told)
	}
	var kinds []string
	for _, p := range plan.Whole {
		kinds = append(kinds, p.Kind)
	}
	t.Logf("Chromium %s: %d links in %s; %d views, %d runs of axe in %s; kinds of page: %q", seen.Browser, site.Links, crawled.Round(time.Millisecond),
		seen.Opened, seen.Axe, (time.Since(started) - crawled).Round(time.Millisecond), kinds)
	for _, want := range []string{"tonight", "deliveries", "delivery", "flags", "flag", "units", "unit", "chart", "point", "indicators", "indicator", "help", "status"} {
		if !slices.Contains(kinds, want) {
			t.Errorf("no link leads to a page of the kind %q", want)
		}
	}
}
