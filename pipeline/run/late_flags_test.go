package run_test

import (
	"reflect"
	"testing"
	"time"

	"larstrom/pipeline/event"
	"larstrom/pipeline/run"
)

// A flag is late from the event that says so until its duty moves on, and as
// the LEDGER knew it at each sequence.
func TestLateFlags(t *testing.T) {
	var s run.State
	seq := uint64(0)
	put := func(subject string, b event.Body) uint64 {
		t.Helper()
		seq++
		e, err := event.New(subject, time.Unix(int64(seq), 0).String(), b, time.Unix(int64(seq), 0))
		if err != nil {
			t.Fatal(err)
		}
		e.Sequence = seq
		if err := s.Apply(e); err != nil {
			t.Fatal(err)
		}
		return seq
	}
	gate, notice := event.GateSubject("nord", "i"), event.NoticeSubject("nord")
	raise := event.FlagRaised{Flag: "f", Check: "K01", Severity: event.Hold, Indicator: "i", Run: "r1"}
	breach := func(stage string, since uint64) uint64 {
		return put(notice, event.SLABreached{Breach: stage, Flag: "f", Indicator: "i", Duty: "review", Severity: event.Hold, Stage: stage, Since: since, Days: 5})
	}
	late := func(at uint64) string {
		t.Helper()
		flags, err := s.FlagsAt(at)
		if err != nil || len(flags) != 1 {
			t.Fatalf("%+v, %v", flags, err)
		}
		return flags[0].SLA
	}
	put(event.RunSubject("nord"), event.RunOpened{Run: "r1", Ordinal: 1})
	raised := put(gate, raise)
	put(notice, event.NoticeClaimed{Holder: "h", Notices: []string{"n"}, Seconds: 1})
	due := breach(event.SLADue, raised)
	escalated := breach(event.SLALate, raised)
	raise.Text = "of a newer version"
	again := put(gate, raise)
	for at, want := range map[uint64]string{raised: "", due: "due", escalated: "late", again: "late"} {
		if got := late(at); got != want {
			t.Errorf("at %d: %q, want %q", at, got, want)
		}
	}
	asked := put(gate, event.DecisionMade{Decision: "d1", Flag: "f", Kind: event.Comment, By: "p"})
	if got := late(asked); got != "" {
		t.Errorf("the source was asked: %q", got)
	}
	answer := breach(event.SLADue, asked)
	if got := late(answer); got != "due" {
		t.Errorf("the source does not answer: %q", got)
	}
	closed := put(gate, event.DecisionMade{Decision: "d2", Flag: "f", Kind: event.Accept, By: "p"})
	if got := late(closed); got != "" {
		t.Errorf("accepted: %q", got)
	}
	if n := len(s.Breaches()); n != 3 {
		t.Errorf("%d breaches", n)
	}
	// Where nothing is said to have moved the flags are as they were.
	same := 0
	for from := range seq + 1 {
		was, err := s.FlagsAt(from)
		if err != nil {
			t.Fatal(err)
		}
		for to := from; to <= seq; to++ {
			now, err := s.FlagsOfAt("i", to)
			if err != nil {
				t.Fatal(err)
			}
			if all, err := s.FlagsAt(to); err != nil || !reflect.DeepEqual(all, now) && len(all)+len(now) > 0 {
				t.Fatalf("of the one indicator at %d: %+v, of all %+v, %v", to, now, all, err)
			}
			switch moved := s.FlagsMoved(from, to); {
			case len(moved) == 0 && len(was)+len(now) > 0 && !reflect.DeepEqual(was, now):
				t.Errorf("nothing moved from %d to %d, and the flags were %+v and are %+v", from, to, was, now)
			case len(moved) == 0:
				same++
			}
		}
	}
	if same < int(seq) {
		t.Errorf("%d times nothing moved", same)
	}
}
