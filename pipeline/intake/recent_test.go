package intake

import (
	"testing"
	"time"

	"pgregory.net/rapid"
)

// What is found for a text is what was kept for it last, or nothing: never what
// was kept for another.
func TestRecentGivesBackWhatWasKept(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r, kept := &recent[int]{}, map[string]int{}
		for i := range rapid.IntRange(1, 200).Draw(t, "steps") {
			text := rapid.StringMatching(`[AB]{1,3}|SE2321000016-[0-9A-F]{4}|[a-c]{8,9}`).Draw(t, "text")
			if got, ok := r.find([]byte(text)); ok && got != kept[text] {
				t.Fatalf("%q gives %d, and %d was kept", text, got, kept[text])
			}
			r.keep(text, i)
			kept[text] = i
			if got, ok := r.find([]byte(text)); !ok || got != i {
				t.Fatalf("%q gives %d, %t right after %d was kept", text, got, ok, i)
			}
		}
		if _, ok := r.find(nil); ok {
			t.Fatal("something was found for no text")
		}
	})
}

// A date that came before reads as one that did not.
func TestRecentDates(t *testing.T) {
	for _, form := range []string{"iso", "dd.mm.yyyy", "yyyymmdd", "week"} {
		f, seen := dateForm{form: form, zone: time.UTC}, &recentDates{}
		for range 2 {
			for n := int32(-20_000); n < 40_000; n += 7 {
				at := time.Unix(int64(n)*86400, 0).UTC()
				for _, layout := range []string{time.DateOnly, "02.01.2006", "20060102", "2006-13-02", "2006-01-02T15:04"} {
					text := []byte(at.Format(layout))
					want, ok := f.days(text)
					if got, read := seen.days(f, text); got != want || read != ok {
						t.Fatalf("%s: %q is %d, %t; want %d, %t", form, text, got, read, want, ok)
					}
				}
			}
		}
	}
}
