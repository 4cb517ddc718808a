package intake

import (
	"strings"
	"testing"

	"larstrom/pipeline/catalog"
)

func TestNames(t *testing.T) {
	today := day("2026-03-02")
	for _, name := range []string{"vis_2026-03-01.csv", "Väntetider mars (2).xlsx", "a", "export_20260302-0415.csv", "202603020415.csv", "2603020415.txt",
		"case_1234567890.csv", "SE2321000016-1003_2026.csv", "hip_20250101_20251231.csv", "0101801234.csv", "vis_2019_12_12_1212.csv", "2019-12-12T1212_2.csv", "v1.2.191212.1212.csv",
		"f81d4fae-7dec-11d0-a765-00a0c91e6bf6.csv", "export-1739876543210.csv", strings.Repeat("å", 127)} {
		if shown, bad := CheckName(name, today); bad != nil || shown != name {
			t.Errorf("%q: %q, %+v", name, shown, bad)
		}
	}
	for name, rule := range map[string]string{
		"": RuleBytes, ".": RuleBytes, "..": RuleBytes, "../x.csv": RuleBytes, "/etc/x.csv": RuleBytes, `C:\x.csv`: RuleBytes, `..\x.csv`: RuleBytes,
		"a\x00.csv": RuleBytes, "a\n.csv": RuleBytes, "a\x1b[31m.csv": RuleBytes, "a\u202evsc.exe": RuleBytes, "a\u200b.csv": RuleBytes, "a\xff.csv": RuleBytes,
		"a\u2028.csv": RuleBytes, "a\x7f.csv": RuleBytes, strings.Repeat("å", 128): RuleBytes,
		"patient_19121212-1212.csv": RuleIdentity, "191212121212.csv": RuleIdentity, "pas 13097248022 mars.csv": RuleIdentity,
		"131052-308T.csv": RuleIdentity, "070761-4285.csv": RuleIdentity, "0707614285.csv": RuleIdentity,
		"19121212-1212.2.csv": RuleIdentity, "pat191212121212.csv": RuleIdentity, "av13097248022a.csv": RuleIdentity, "x070761-4285.1": RuleIdentity, "av131052-308Ta.csv": RuleIdentity,
	} {
		shown, bad := CheckName(name, today)
		if bad == nil || bad.Rule != rule || bad.Hint == "" {
			t.Errorf("%q: %+v", name, bad)
			continue
		}
		for _, part := range []string{"1212", "130972", "131052", "070761", "\x00", "\n", "\x1b", "\u202e", "\u200b"} {
			if strings.Contains(shown, part) {
				t.Errorf("%q is shown as %q", name, shown)
			}
		}
	}
}

func TestManifestsWithIdentities(t *testing.T) {
	today := day("2026-03-02")
	feed := longFeed()
	feed.Order = catalog.Extract{By: "manifest", Field: "sequence"}
	feed.AsOf = catalog.Extract{By: "manifest"}
	for text, holds := range map[string]bool{
		`{"sha256": "x", "rows": 1912121212, "sequence": "191212121212", "as_of": "19121212-1212"}`: false,
		`{"sha256": "x", "rows": 1, "created": "202603020415", "by": "export 7.1", "n": 1.5}`:       false,
		`{"sha256": "x", "rows": 1, "by": "19121212-1212"}`:                                         true,
		`{"sha256": "x", "rows": 1, "meta": {"of": ["a", {"b": "13097248022"}]}}`:                   true,
		`{"sha256": "x", "rows": 1, "meta": {"131052-308T": 1}}`:                                    true,
		`{"sha256": "x", "rows": 1, "131052-308T": 1}`:                                              true,
		`{"sha256": "x", "rows": 1, "patient": 191212121212}`:                                       true,
		"\ufeff" + `{"sha256": "x", "rows": 1, "by": "\u00319121212-1212"}`:                         true,
		`not JSON 19121212-1212`: false, // ParseManifest refuses it
	} {
		err := CheckManifest(feed, []byte(text), today)
		if (err != nil) != holds {
			t.Errorf("%s: %v", text, err)
		}
		if err != nil && (problems(t, err)[0][:3] != RuleIdentity || strings.Contains(err.Error(), "1212")) {
			t.Errorf("%s: %v", text, err)
		}
	}
}
