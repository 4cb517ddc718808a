package notifier_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"larstrom/pipeline/catalog"
	"larstrom/pipeline/event"
	"larstrom/services/notifier"
)

// kept takes messages and keeps them.
type kept struct{ mails []notifier.Mail }

func (k *kept) Send(_ context.Context, m notifier.Mail) error {
	k.mails = append(k.mails, m)
	return nil
}

// TestPendingIntroductions: who signs is told in her digest of an indicator version
// with data and no signed protocol, once; the message has nothing of the data.
func TestPendingIntroductions(t *testing.T) {
	p := newPlace(t)
	text := strings.Replace(region, "class: process, direction: up}", "class: process, direction: up, introduction: {pilot_units: [lund]}}", 1) +
		"  - {id: p-nat, name: Nat, email: nat@example.org, language: en, roles: [national_steward]}\n"
	var err error
	if p.catalog, err = catalog.Load(fstest.MapFS{"c.yaml": {Data: []byte(text)}}); err != nil {
		t.Fatal(err)
	}
	box := &kept{}
	s := p.service(box)
	p.now = p.now.Add(time.Hour) // after the time of the digest
	if p.step(s); len(box.mails) != 0 {
		t.Fatalf("without data: %+v", box.mails)
	}
	p.put(event.GateSubject("nord", "reperf"), event.ReleaseMade{Run: "r1", Rev: 1})
	for range 2 {
		p.step(s)
	}
	if len(box.mails) != 1 || box.mails[0].To != "nat@example.org" || !strings.Contains(box.mails[0].Body, "version 1\n") || !strings.Contains(box.mails[0].Body, "larstrom protocol draw") {
		t.Fatalf("the digest: %+v", box.mails)
	}
	if got := p.sent(); !slices.Equal(got, []string{"digest p-nat 1"}) {
		t.Errorf("the ledger has %v", got)
	}
	p.now = p.now.AddDate(0, 0, 1)
	if p.step(s); len(box.mails) != 1 {
		t.Errorf("the day after: %+v", box.mails[1:])
	}
}
