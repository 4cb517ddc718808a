package portal_test

import (
	"net/http"
	"strings"
	"testing"

	"larstrom/pipeline/event"
	"larstrom/services/portal"
)

// The pages say of a delivery that it was withdrawn, by whom and why, that it
// waits for another, and how many cells of closed periods it changed; and of a
// point that what was behind it is withdrawn.
func TestWithdrawnAndWaitingDeliveries(t *testing.T) {
	d := story(t)
	subject := func(id string) string { return event.DeliverySubject("nord", "reg", id) }
	d.add(t, subject("d2"), received, event.DeliveryRetracted{Delivery: "d2", Retraction: "x2", By: "anna", On: tonight, Note: "another region's <file>"})
	runs := event.RunSubject("nord")
	d.add(t, runs, received, event.RunOpened{Run: "r3", Ordinal: 3, AsOf: tonight, Deliveries: []string{"x2"}})
	rev := d.state.Delivery("x2").Rev
	d.add(t, runs, received, event.CellsAppended{Run: "r3", Delivery: "x2", Rev: rev, Restated: 1234}, event.RunChecked{Run: "r3"},
		event.RunPublished{Run: "r3", Publication: 3, AsOf: tonight})
	for _, w := range []struct {
		id     string
		number int64
	}{{"n1", 1}, {"n3", 3}, {"n6", 6}} {
		d.add(t, subject(w.id), received, event.DeliveryReceived{Delivery: w.id, Raw: w.id, Name: w.id + ".csv", Feed: "counted", Registry: "reg", AsOf: tonight},
			event.DeliveryAccepted{Delivery: w.id, Feed: "counted", Kind: "delta", AsOf: tonight, Number: w.number, Step: 1})
	}
	h := pages(t, func(c *portal.Config) { c.Pages.Ledger = d }).Handler(true)
	for path, want := range map[string][]string{
		"/deliveries/d2":            {"withdrawn", "anna: another region's <file>"},
		"/deliveries/x2":            {"a withdrawal", "Withdraws d2 , anna", "Closed periods 1,234 cells changed", "larstrom diff x2"},
		"/deliveries/n1":            {"n1.csv"},
		"/deliveries/n3":            {"Waits for delivery 2 of the feed"},
		"/deliveries/n6":            {"Waits for delivery 2 of the feed"},
		"/deliveries":               {"withdrawn", "a withdrawal"},
		"/units/b/care/2026-01-01":  {"withdrawn"},
		"/":                         {"withdrawn"},
		"/units/b/care/2026-03-01?": {"withdrawn"},
	} {
		w := get(t, h, path)
		said := unescape(text(w.Body.String()))
		if w.Code != http.StatusOK {
			t.Errorf("%s: %d", path, w.Code)
		}
		for _, s := range want {
			if !strings.Contains(said, s) {
				t.Errorf("%s does not say %q:\n%s", path, s, said)
			}
		}
		for _, never := range []string{"%!", "<no value>", "0001-01-01", "Waits for delivery 2"} {
			if strings.Contains(said, never) && (never != "Waits for delivery 2" || path == "/deliveries/n1") {
				t.Errorf("%s says %q", path, never)
			}
		}
	}
}
