package notifier_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"larstrom/pipeline/event"
	"larstrom/pipeline/eventlog"
	"larstrom/services/notifier"
)

// as makes the service one of several.
func as(holder string) func(*notifier.Config) {
	return func(c *notifier.Config) { c.Holder = holder }
}

// bodies are the events of one type, in order.
func bodies[B event.Body](p *place) []B {
	p.t.Helper()
	var out []B
	for e, err := range p.log.Events(p.t.Context(), 1) {
		if err != nil {
			p.t.Fatal(err)
		}
		var of B
		if e.Type != of.EventType() {
			continue
		}
		b, err := event.Decode[B](e)
		if err != nil {
			p.t.Fatal(err)
		}
		out = append(out, b)
	}
	return out
}

func TestReplicasSendEachMessageOnce(t *testing.T) {
	p, m := newPlace(t), listen(t, true)
	replicas := []*notifier.Service{p.service(m.sink(t), as("r1")), p.service(m.sink(t), as("r2")), p.service(m.sink(t), as("r3"))}
	const nights = 6
	for n := 1; n <= nights; n++ {
		p.night(n, []event.Severity{event.Hold, event.Block}[n%2], fmt.Sprintf("f%d", n))
		p.now = p.now.AddDate(0, 0, 1)
		if d := p.now.Weekday(); d == time.Saturday {
			p.now = p.now.AddDate(0, 0, 2)
		}
		p.now = time.Date(p.now.Year(), p.now.Month(), p.now.Day(), 6, 0, 0, 0, time.UTC)
		begin := make(chan struct{})
		errs := make([]error, len(replicas))
		var wg sync.WaitGroup
		for i, s := range replicas {
			wg.Go(func() {
				<-begin
				_, errs[i] = s.Step(t.Context())
			})
		}
		close(begin)
		wg.Wait()
		if err := errors.Join(errs...); err != nil {
			t.Fatal(err)
		}
		for _, s := range replicas {
			p.step(s) // nothing is left
		}
	}
	mails, _ := m.got()
	slices.Sort(mails)
	if once := slices.Compact(slices.Clone(mails)); len(once) != len(mails) || len(mails) < nights {
		t.Errorf("%d messages, of which %d differ: %q", len(mails), len(once), mails)
	}
	if got := p.sent(); len(got) != len(mails) {
		t.Errorf("the ledger has %q of %d messages", got, len(mails))
	}
}

// frail is a ledger whose process dies before it says that a message was sent.
type frail struct{ *eventlog.Log }

func (f frail) AppendEvent(ctx context.Context, e event.Event, expected *uint64) (uint64, error) {
	if e.Type == event.TypeNoticeSent {
		return 0, errDied
	}
	return f.Log.AppendEvent(ctx, e, expected)
}

// A process that dies while it holds messages leaves them to the others: not
// before its claim has ended, and with the identity that they had.
func TestWhatADeadReplicaHeldIsSentByAnother(t *testing.T) {
	p, m := newPlace(t), listen(t, true)
	p.now = p.now.Add(time.Hour)
	p.night(1, event.Hold, "f1")
	dead := p.service(m.sink(t), as("r1"), func(c *notifier.Config) { c.Ledger = frail{p.log} })
	if _, err := dead.Step(t.Context()); !errors.Is(err, errDied) {
		t.Fatalf("the crash: %v", err)
	}
	other := p.service(m.sink(t), as("r2"))
	if next := p.step(other); next != 5*time.Minute {
		t.Errorf("looks again after %s, and the claim ends in five minutes", next)
	}
	if mails, _ := m.got(); len(mails) != 1 {
		t.Errorf("sent while another process may be sending: %q", mails)
	}
	if c := bodies[event.NoticeClaimed](p); len(c) != 1 || c[0].Holder != "r1" || len(c[0].Notices) != 2 || c[0].Seconds != 300 {
		t.Errorf("claims: %+v", c)
	}
	p.now = p.now.Add(5 * time.Minute)
	p.step(other)
	mails, _ := m.got()
	if len(mails) != 3 || mails[0] != mails[1] || !strings.HasPrefix(mails[2], "bo@") {
		t.Errorf("anna's message twice with one identity, and bo's: %q", mails)
	}
	if got := p.sent(); !slices.Equal(got, []string{"digest p-anna 1", "digest p-bo 1"}) {
		t.Errorf("the ledger has %q", got)
	}
}

// slow is a sink that a message takes longer in than its claim lasts.
type slow struct{}

func (slow) Send(ctx context.Context, _ notifier.Mail) error {
	<-ctx.Done()
	return fmt.Errorf("%w: %w", notifier.ErrAway, ctx.Err())
}

func TestNothingIsSentBeyondAClaim(t *testing.T) {
	p, m := newPlace(t), listen(t, true)
	p.now = p.now.Add(time.Hour)
	p.night(1, event.Hold, "f1")
	s := p.service(slow{}, as("r1"), func(c *notifier.Config) { c.Lease = time.Second })
	if next := p.step(s); next != time.Second {
		t.Errorf("the next attempt after %s", next)
	}
	p.now = p.now.Add(time.Second)
	p.step(p.service(m.sink(t), as("r2")))
	if mails, _ := m.got(); len(mails) != 2 {
		t.Errorf("mails: %q", mails)
	}
}

// What is not done in its time is a fact, whoever looks and whether or not
// anybody can be written to.
func TestBreachesAreRecordedOnce(t *testing.T) {
	p := newPlace(t)
	p.night(1, event.Hold, "f1") // Monday 1 September; five working days
	one, two := p.service(nil, as("r1")), p.service(nil, as("r2"))
	stages := func() []string {
		var out []string
		for _, b := range bodies[event.SLABreached](p) {
			out = append(out, fmt.Sprintf("%s %s %s due %s of %d: %s", b.Flag, b.Duty, b.Stage, b.Due, b.Days, b.Level))
		}
		return out
	}
	for range 4 {
		p.now = p.now.AddDate(0, 0, 1)
		p.step(one)
	}
	if got := stages(); len(got) != 0 {
		t.Fatalf("within the time: %q", got)
	}
	for range 10 {
		p.now = p.now.AddDate(0, 0, 1)
		p.step(two)
		p.step(one)
	}
	p.step(p.service(nil))
	want := []string{"f1 review due due 2025-09-08 of 5: ", "f1 review late due 2025-09-08 of 5: region_steward"}
	if got := stages(); !slices.Equal(got, want) {
		t.Errorf("the ledger has %q, want %q", got, want)
	}
	// A question to the source begins another duty.
	p.put(event.GateSubject("nord", "reperf"), event.DecisionMade{Decision: "d1", Flag: "f1", Kind: event.Comment, By: "p-anna", On: day(t, "2025-09-15")})
	p.step(one)
	if got := stages(); len(got) != 2 {
		t.Errorf("a question that was just asked: %q", got)
	}
	p.now = p.now.AddDate(0, 0, 7)
	p.step(one)
	if got := stages(); len(got) != 3 || got[2] != "f1 answer due due 2025-09-22 of 5: " {
		t.Errorf("a question that is not answered: %q", got)
	}
}
