package portal_test

import (
	"strings"
	"testing"
)

// TestReceiptsInTheReadersLanguage: what is wrong with a row, and what to do, is in
// the language of the page; what is in no book stays, marked as English.
func TestReceiptsInTheReadersLanguage(t *testing.T) {
	b, _, _ := deciding(t, true)
	for lang, want := range map[string][]string{
		"sv": {"inget datum i den form som flödet anger, eller inte i kalendern", "ett datum skrivs som 2024-05-31"},
		"nb": {"ikke en dato på den formen som datastrømmen angir", "en dato skrives som 2024-05-31"},
		"da": {"ikke en dato i den form, som datastrømmen angiver", "en dato skrives som 2024-05-31"},
		"en": {"not a date in the declared form", "a date is written 2024-05-31, with or without a time after it"},
	} {
		b.cookies = nil
		page := b.do("GET", "/deliveries/d2?lang="+lang, nil).Body.String()
		for _, w := range append(want, `<span lang="en">unknown unit</span>`) {
			if !strings.Contains(page, w) {
				t.Errorf("in %s the receipt does not say %q", lang, w)
			}
		}
	}
}

// TestFindingsInTheReadersLanguage: list, flag and point say what came and what
// was expected in the language of the page; what nobody has a pattern for stays,
// marked as English.
func TestFindingsInTheReadersLanguage(t *testing.T) {
	b, _, _ := deciding(t, true)
	for lang, want := range map[string]string{
		"sv": "Täljaren 61,5 är större än nämnaren 60.", "nb": "Telleren 61,5 er større enn nevneren 60.",
		"da": "Tælleren 61,5 er større end nævneren 60.", "en": "The numerator 61.5 is above the denominator 60.",
	} {
		b.cookies = nil
		for _, path := range []string{"/flags", "/flags/C11-block"} {
			page := b.do("GET", path+"?lang="+lang, nil).Body.String()
			if !strings.Contains(page, want) {
				t.Errorf("%s in %s does not say %q", path, lang, want)
			}
			if lang != "en" && strings.Contains(page, "The numerator") {
				t.Errorf("%s in %s says it in English", path, lang)
			}
		}
		if page := b.do("GET", "/flags?lang="+lang, nil).Body.String(); !strings.Contains(page, `<span lang="en">Fewer &lt;records&gt; than before.</span>`) {
			t.Errorf("what is in English only is not marked in %s", lang)
		}
	}
}
