package app_test

import (
	"bytes"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"

	"larstrom/pipeline/audit"
	"larstrom/pipeline/catalog"
	"larstrom/pipeline/event"
	"larstrom/pipeline/gate"
	"larstrom/pipeline/queue"
	"larstrom/services/larstrom/app"
	"larstrom/services/validator"
)

// keepsRecord assigns an open flag, attaches evidence, looks at it, affirms a
// unit and reads rows: each is in the ledger, says by whom, and is in the signed
// trail.
func keepsRecord(t *testing.T, a *app.App, flag gate.Flag, steward, hers catalog.Person) {
	t.Helper()
	ctx := t.Context()
	order := func(who catalog.Person, cmd gate.Command, want error) {
		t.Helper()
		cmd.Flag, cmd.Client = flag.Flag, "test 1"
		if _, err := a.Order(ctx, who, validator.Order{Command: cmd}); !errors.Is(err, want) || (err == nil) != (want == nil) {
			t.Fatalf("%s by %s: %v, want %v", cmd.Kind, who.ID, err, want)
		}
	}
	release := func() uint64 {
		t.Helper()
		s, err := a.State(ctx)
		if err != nil {
			t.Fatal(err)
		}
		return s.PublicationSeq
	}
	published := release()
	order(steward, gate.Command{Kind: gate.Assign, To: "p-2"}, nil)
	order(steward, gate.Command{Kind: gate.Assign, To: "nobody"}, gate.ErrInvalid)
	order(steward, gate.Command{Kind: gate.Attach, Note: "the log book says so"}, nil)
	if release() != published {
		t.Error("what decides nothing was published")
	}
	if q, err := a.QueueFor(ctx, steward); err != nil || has(q.Tasks, flag.Flag) || slices.Contains(q.Folded.Flags, flag.Flag) {
		t.Errorf("another's task is in the queue %+v, %v", q, err)
	}
	order(steward, gate.Command{Kind: gate.Assign}, nil)
	q, err := a.QueueFor(ctx, steward)
	if err != nil || !has(q.Tasks, flag.Flag) {
		t.Errorf("the queue %+v lacks %s: %v", q, flag.Flag, err)
	}
	if q, err := a.QueueFor(ctx, hers); err != nil || has(q.Tasks, flag.Flag) {
		t.Errorf("another unit's task is in the queue %+v, %v", q, err)
	}
	for range 2 {
		if err := a.See(ctx, steward, flag.Flag, "test 1"); err != nil {
			t.Fatal(err)
		}
	}
	if err := a.See(ctx, hers, flag.Flag, "test 1"); !errors.Is(err, gate.ErrForbidden) {
		t.Errorf("she has seen what she may not: %v", err)
	}
	if seen, err := a.SeenBy(ctx, steward, flag.Flag); err != nil || len(seen) != 1 || seen[0].By != steward.ID || seen[0].FlagVersion == 0 {
		t.Errorf("seen by %+v, %v", seen, err)
	}

	quarter := catalog.NewDate(2024, 3, 31)
	for name, c := range map[string]struct {
		who  catalog.Person
		what event.UnitAffirmed
		want error
	}{
		"hers":                 {hers, event.UnitAffirmed{Unit: "unit-e1", Through: quarter}, nil},
		"again":                {steward, event.UnitAffirmed{Unit: "unit-e1", Through: quarter}, nil},
		"another's":            {hers, event.UnitAffirmed{Unit: "unit-c1", Through: quarter}, gate.ErrForbidden},
		"no unit":              {steward, event.UnitAffirmed{Unit: "unit-x9", Through: quarter}, gate.ErrInvalid},
		"no quarter":           {steward, event.UnitAffirmed{Unit: "unit-c1", Through: quarter.AddDays(1)}, gate.ErrInvalid},
		"has not ended":        {steward, event.UnitAffirmed{Unit: "unit-c1", Through: catalog.NewDate(2126, 3, 31)}, gate.ErrInvalid},
		"awaits a decision":    {steward, event.UnitAffirmed{Unit: flag.Unit, Through: catalog.NewDate(2025, 12, 31)}, gate.ErrInvalid},
		"before the open flag": {steward, event.UnitAffirmed{Unit: flag.Unit, Through: quarter}, nil},
	} {
		if _, err := a.Affirm(ctx, c.who, c.what); !errors.Is(err, c.want) || (err == nil) != (c.want == nil) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
	if got := sql(t, a, "released", "SELECT unit, affirmed_through FROM unit WHERE unit IN ('unit-e1', 'unit-b2') ORDER BY unit"); got != "unit-b2\t\\N\nunit-e1\t2024-03-31\n" {
		t.Errorf("right after it is said the released store has\n%s", got)
	}
	s, err := a.State(ctx)
	if err != nil {
		t.Fatal(err)
	}
	on := catalog.NewDate(2024, 5, 1)
	if s.Preliminary("unit-e1", quarter.AddDays(1), on) || !s.Preliminary("unit-b2", quarter.AddDays(1), on) || s.Preliminary("unit-b2", quarter.AddDays(1), catalog.NewDate(2024, 7, 1)) ||
		!s.Preliminary("unit-e1", quarter.AddDays(32), on) {
		t.Error("what is affirmed is preliminary, or what is not is not")
	}

	if err := a.SQL(ctx, "warehouse", "TSV", "SELECT count() FROM cell", io.Discard); err != nil {
		t.Fatal(err)
	}
	if err := a.SQLFor(ctx, &steward, "test 1", "warehouse", "TSV", "SELECT count() FROM cell", io.Discard); err != nil {
		t.Fatal(err)
	}
	if err := a.SQLFor(ctx, &hers, "test 1", "warehouse", "TSV", "SELECT count() FROM cell", io.Discard); !errors.Is(err, gate.ErrForbidden) {
		t.Errorf("who reads one part asks the store of all rows: %v", err)
	}
	var trail bytes.Buffer
	if err := a.Audit(ctx, &hers, &trail); !errors.Is(err, gate.ErrForbidden) || trail.Len() > 0 {
		t.Errorf("a super-user has the trail: %v", err)
	}
	if err := a.Audit(ctx, &steward, &trail); err != nil {
		t.Fatal(err)
	}
	key, err := a.AuditKey()
	if err != nil {
		t.Fatal(err)
	}
	if got, err := audit.Verify(bytes.NewReader(trail.Bytes()), key); err != nil || got.Events < 20 {
		t.Errorf("trail %+v, %v", got, err)
	}
	for what, want := range map[string][]string{
		`"type":"flag.assigned"`:     {`"to":"p-2"`, `"role":"region_steward"`, `"client":"test 1"`},
		`"type":"evidence.attached"`: {`"text":"the log book says so"`},
		`"type":"flag.seen"`:         {`"by":"p-1"`},
		`"type":"unit.affirmed"`:     {`"unit":"unit-`},
		`"type":"data.read"`:         {`"what":"rows"`},
		`"type":"decision.made"`:     {`"basis":{"check":"`, `"fingerprints":["`, `"role":"`},
	} {
		lines := 0
		for _, l := range strings.Split(trail.String(), "\n") {
			if !strings.Contains(l, what) {
				continue
			}
			lines++
			for _, w := range want {
				if !strings.Contains(l, w) && lines == 1 {
					t.Errorf("%s lacks %s: %s", what, w, l)
				}
			}
		}
		if lines == 0 || what == `"type":"flag.seen"` && lines != 1 || what == `"type":"unit.affirmed"` && lines != 2 ||
			what == `"type":"data.read"` && (lines != 2 || !strings.Contains(trail.String(), `"data":{"by":"`+steward.ID+`","what":"rows"`)) {
			t.Errorf("%d lines of %s", lines, what)
		}
	}
}

func has(tasks []queue.Task, flag string) bool {
	return slices.ContainsFunc(tasks, func(t queue.Task) bool { return slices.Contains(t.Flags, flag) })
}
