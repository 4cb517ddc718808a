package catalog_test

import (
	"strings"
	"testing"
	"testing/fstest"

	"larstrom/pipeline/catalog"
)

// TestUploadTokens: a token is of one feed, whoever asks with it.
func TestUploadTokens(t *testing.T) {
	const one, two = "2c70e12b7a0646f92279f427c7b38e7334d8e5389cff167a1dc30e73f826b683", "04b6cdd0d0ed9a1c1e0f24a2d9a3ae1e9f0bd1d9d8ab34ad0ea0ca8b3b0f2e44"
	load := func(people, a, b string) (*catalog.Catalog, error) {
		feed := func(id, tokens string) string {
			return "  - {id: " + id + ", registry: reg, files: [\"" + id + "_*.csv\"], delivery: snapshot, upload_tokens: [" + tokens + "]," +
				" columns: {unit: u, unit_system: local, event_date: d}, measures: [{indicator: i, numerator: n}]}\n"
		}
		return catalog.Load(fstest.MapFS{"c.yaml": {Data: []byte("region: {code: norr, name: Norr, time_zone: Europe/Stockholm}\n" +
			"registries: [{code: reg, name: R, country: SE}]\nindicators: [{id: i, registry: reg, name: I, type: count, class: process}]\n" +
			"units: [{id: u1, name: U, kind: clinic, codes: {local: \"1\"}}]\n" + people + "feeds:\n" + feed("a", a) + feed("b", b))}})
	}
	c, err := load("", one, two)
	if err != nil {
		t.Fatal(err)
	}
	// one is the SHA-256 of "key".
	if f, ok := c.Index().FeedByToken("key"); !ok || f.ID != "a" {
		t.Errorf("the token is of %v, %v", f, ok)
	}
	for _, wrong := range []string{"", "keys", one} {
		if f, ok := c.Index().FeedByToken(wrong); ok {
			t.Errorf("%q is a token of %s", wrong, f.ID)
		}
	}
	for what, x := range map[string]struct{ people, a, b, has string }{
		"of two feeds":           {"", one, one, "one feed and of nobody"},
		"of a feed and a person": {"people: [{id: p, name: P, roles: [viewer], token_sha256: " + one + "}]\n", one, two, "one feed and of nobody"},
		"twice":                  {"", one + ", " + one, two, "twice"},
		"the token itself":       {"", "secret", two, "must be 64 lower-case hexadecimal digits"},
	} {
		if _, err := load(x.people, x.a, x.b); err == nil || !strings.Contains(err.Error(), x.has) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: %v, want %q", what, err, x.has)
		}
	}
}
