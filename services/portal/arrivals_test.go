package portal

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"larstrom/pipeline/event"
	"larstrom/pipeline/run"
)

// TestArrivals: a file whose bytes came again is in the list by itself, under
// its own name and at its own time.
func TestArrivals(t *testing.T) {
	var s run.State
	at := time.Date(2026, 3, 2, 3, 0, 0, 0, time.UTC)
	seq := uint64(0)
	add := func(delivery, cause string, body event.Body) {
		t.Helper()
		seq++
		at = at.Add(time.Hour)
		e, err := event.New(event.DeliverySubject("norr", "reg", delivery), cause, body, at)
		if err != nil {
			t.Fatal(err)
		}
		e.Sequence = seq
		if err := s.Apply(e); err != nil {
			t.Fatal(err)
		}
	}
	add("d1", "1", event.DeliveryReceived{Delivery: "d1", Raw: "r1", Name: "a_1.csv", Feed: "a", Registry: "reg"})
	add("d2", "2", event.DeliveryReceived{Delivery: "d2", Raw: "r2", Name: "a_2.csv", Feed: "a", Registry: "reg"})
	add("d1", "3", event.DeliveryRepeated{Delivery: "d1", Raw: "r1", Name: "a_3.csv", Feed: "a"})
	var got []string
	for _, a := range arrivals(&s) {
		name := a.delivery.Name
		if a.again != nil {
			name = a.again.Name + " again"
		}
		got = append(got, fmt.Sprint(a.at.Hour(), " ", name))
	}
	if text := strings.Join(got, ", "); text != "6 a_3.csv again, 5 a_2.csv, 4 a_1.csv" {
		t.Errorf("the arrivals are %s", text)
	}
}
