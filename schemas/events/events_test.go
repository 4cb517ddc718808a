package events_test

import (
	"bytes"
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"larstrom/pipeline/catalog"
	"larstrom/pipeline/cell"
	"larstrom/pipeline/event"
	"larstrom/pipeline/eventlog"
	"larstrom/schemas/events"
)

var (
	day   = catalog.DateOfDays(20089)
	hash  = strings.Repeat("0af1", 16)
	guard = event.Guard{Registry: "pvq", Version: "1", Granularity: "month", Unit: "SE0001", Stratum: "f", Period: day,
		Fingerprint: cell.FingerprintOf(cell.Key{}, cell.Content{}, false)}
	blocks = event.Range{Subject: "obs.nord.pvq.d1", First: 3, Last: 9, Blocks: 7, Rows: 400_000, Hash: hash}
)

var content = event.Content{Rows: 3, Numerator: cell.FixedOf(1_000_000), Denominator: cell.FixedOf(3_000_000), ValueCount: 2, Values: cell.FixedOf(-5),
	ValueSquares: cell.FixedOf(25), Expected: cell.FixedOf(7), Missing: 1, Histogram: "1*2"}

// samples has a full body of every type, and one with as little as can be.
func samples() map[event.Type][2]event.Body {
	return map[event.Type][2]event.Body{
		event.TypeCatalogAdopted: {event.CatalogAdopted{Hash: "h", Previous: "g"}, event.CatalogAdopted{Hash: "h"}},
		event.TypeDeliveryReceived: {
			event.DeliveryReceived{Delivery: "d1", Raw: hash, Size: 10, Name: "n.csv", Feed: "nightly", Registry: "pvq", AsOf: day,
				Reason: event.CauseCatalog, Replaces: "d0", Catalog: "h", Keys: "k", Manifest: "m", Place: "7"},
			event.DeliveryReceived{Delivery: "d1", Raw: hash, Feed: "f", Registry: "r", Reason: event.CauseNew, Catalog: "h"}},
		event.TypeDeliveryAccepted: {
			event.DeliveryAccepted{Delivery: "d1", Raw: hash, Name: "n.csv", Feed: "nightly", Registry: "pvq", AsOf: day, OrderKey: "k",
				Kind: "snapshot", From: day, To: day.AddDays(30), Windows: []event.Window{{Period: catalog.Month, From: day, To: day.AddDays(30)}},
				Units: []string{"SE0001"}, Number: 7, Step: 1, First: 1, Blocks: blocks, Lines: 4, Observed: 1, Deleted: 1, Rejected: 1, Parked: 1, KeyOrder: event.KeysAscend,
				Rules: map[string]int64{"R01": 1}, Catalog: "h", Replaces: "d0",
				Form: event.Form{Encoding: "utf-8", LineEnd: "CRLF", Quoted: true, Columns: []string{"c"}, Decimals: map[string]string{"c": "2"},
					Dates: map[string]string{"d": "iso"}},
				Findings: []event.Problem{{Line: 1, Column: "c", Rule: "C03", Text: "t", Hint: "h"}}},
			event.DeliveryAccepted{Delivery: "d1", Raw: hash, Feed: "f", Registry: "r", Kind: "delta",
				Blocks: event.Range{Subject: "obs.a", Hash: hash}, Catalog: "h"}},
		event.TypeDeliveryRejected: {
			event.DeliveryRejected{Delivery: "d1", Raw: hash, Name: "n.csv", Feed: "f", Registry: "r", Catalog: "h",
				Problems: []event.Problem{{Line: 2, Column: "c", Rule: "R01", Text: "t", Hint: "h"}, {Rule: "R02"}}},
			event.DeliveryRejected{Delivery: "d1", Raw: hash, Catalog: "h"}},
		event.TypeDeliveryRepeated: {event.DeliveryRepeated{Delivery: "d1", Raw: hash, Name: "n", Feed: "f"},
			event.DeliveryRepeated{Delivery: "d1", Raw: hash, Feed: "f"}},
		event.TypeDeliveryRetracted: {event.DeliveryRetracted{Delivery: "d1", Retraction: "d2", By: "s1", On: day, Note: "n"},
			event.DeliveryRetracted{Delivery: "d1", Retraction: "d2", By: "s1"}},
		event.TypeSequenceSkipped: {event.SequenceSkipped{Feed: "f", From: 3, Through: 4, By: "s1", On: day, Note: "n"},
			event.SequenceSkipped{Feed: "f", By: "s1"}},
		event.TypeNoticeSent: {event.NoticeSent{Notice: "n1", Kind: event.NoticeDigest, Person: "p1", On: day, Through: 9, Tasks: 7, New: 1, Reminders: 1, Escalated: 1, Beyond: 4,
			Offered: []string{"t1"}}, event.NoticeSent{Notice: "n1", Kind: event.NoticeImmediate, Person: "p1"}},
		event.TypeNoticeClaimed: {event.NoticeClaimed{Holder: "h1", Notices: []string{"n1"}, Seconds: 300},
			event.NoticeClaimed{Holder: "h1", Seconds: 1}},
		event.TypeSLABreached: {event.SLABreached{Breach: "b1", Flag: "f1", Indicator: "i1", Unit: "u1", Duty: "review", Severity: event.Hold, Stage: event.SLALate,
			Since: 7, Days: 5, Due: day, On: day, Level: "region_steward"},
			event.SLABreached{Breach: "b1", Flag: "f1", Indicator: "i1", Duty: "answer", Severity: event.Block, Stage: event.SLADue, Days: 5, Due: day, On: day}},
		event.TypeIdentityFound: {event.IdentityFound{Delivery: "d1", Raw: hash, Feed: "f", Registry: "r", Name: "xxx.ddd", Outcome: event.OutcomeRows, Catalog: "h",
			Columns: []event.IdentityColumn{{Column: "c", Level: "isolated", Kind: "personnummer", Hits: 1, Fields: 2}, {Level: "pattern"}}},
			event.IdentityFound{Name: "xxx_dddddddd-dddd.xxx", Outcome: event.OutcomeName, Catalog: "h"}},
		event.TypeRunOpened: {event.RunOpened{Run: "r1", Ordinal: 1, AsOf: day, Deliveries: []string{"d1", "d2"}, Catalog: "h"},
			event.RunOpened{Run: "r1", Catalog: "h"}},
		event.TypeCellsAppended: {event.CellsAppended{Run: "r1", Delivery: "d1", Rev: 7, Cells: blocks, Tombstones: 2, Restated: 1},
			event.CellsAppended{Run: "r1", Delivery: "d1", Cells: event.Range{Subject: "cells.a", Hash: hash}}},
		event.TypeRunChecked: {event.RunChecked{Run: "r1", Rev: 7, Flags: map[string]int{"C05": 1}, Shadow: map[string]int{"D04": 2}, Incidents: 1,
			Outcomes: map[string]event.Outcomes{"C05": {Passed: 1, Found: 2, Folded: 3, NotApplicable: 4, CouldNotRun: 5}}}, event.RunChecked{Run: "r1"}},
		event.TypeRunPublished: {event.RunPublished{Publication: 1, Run: "r1", AsOf: day, Catalog: "h", Through: 9,
			Sets: map[string]string{"ind1": "s1"}, Meta: "m", Lists: "l"}, event.RunPublished{Publication: 1, Run: "r1", Catalog: "h"}},
		event.TypePersonsCounted: {event.PersonsCounted{Audience: "SE", Number: 1, Indicator: "ind1", Part: 1, Few: []event.Guard{guard}},
			event.PersonsCounted{Audience: "SE", Number: 1, Indicator: "ind1", Part: 1}},
		event.TypeEditionPublished: {event.EditionPublished{Audience: "SE", Number: 2, Edition: day, Publication: 7, Run: "r1", AsOf: day, Catalog: "h", Through: 9,
			Key: "k", UntilRun: "r2", Until: 12, Sets: map[string]string{"ind1": "s1"}, Histories: map[string]string{"ind1": "h1"}, Meta: "m"},
			event.EditionPublished{Audience: "SE", Number: 1, Publication: 1, Run: "r1", Catalog: "h", Key: "k"}},
		event.TypeFlagRaised: {
			event.FlagRaised{Flag: "f1", Check: "C05", CheckVersion: 1, Severity: event.Hold, Indicator: "ind1", Unit: "u", Stratum: "f",
				Period: day, Observed: 0.5, Expected: 0.25, Direction: "up", Low: -1, High: 1.5, Text: "t", Run: "r1", Rev: 7,
				Guards: []event.Guard{guard}, Memory: "f0", Catalog: "h", AsOf: day, Incident: "i1", Clean: 1},
			event.FlagRaised{Flag: "f1", Check: "C05", CheckVersion: 1, Severity: event.Info, Indicator: "ind1", Run: "r1", Catalog: "h"}},
		event.TypeFlagResolved: {event.FlagResolved{Flag: "f1", Reason: "resent", Run: "r1", Rev: 7}, event.FlagResolved{Flag: "f1", Reason: "covered", Run: "r1"}},
		event.TypeDecisionMade: {event.DecisionMade{Decision: "x", Flag: "f1", Kind: event.Accept, By: "s1", Cause: "c", Note: "n", On: day, Until: day, Low: 1, High: 2,
			Evidence: "e", Batch: "b", Moves: []event.Move{{Unit: "u1", Points: 2.5}}, Role: "super_user u1", Client: "larstrom 1"},
			event.DecisionMade{Decision: "x", Flag: "f1", Kind: event.Snooze, By: "s1"}},
		event.TypeDecisionProposed: {event.DecisionProposed{Decision: "x", Flag: "f1", Kind: event.Waive, By: "s1", Cause: "c", Note: "n", On: day, Until: day,
			Low: 1, High: 2, Evidence: "e", Corrections: []event.Correction{{Cell: guard, Old: content, New: content}}, Batch: "b", Role: "super_user u1", Client: "larstrom 1"},
			event.DecisionProposed{Decision: "x", Flag: "f1", Kind: event.Correct, By: "s1"}},
		event.TypeDecisionConfirmed: {event.DecisionConfirmed{Decision: "x", Flag: "f1", By: "s2", On: day, Batch: "b", Role: "r", Client: "c"}, event.DecisionConfirmed{Decision: "x", Flag: "f1", By: "s2"}},
		event.TypeReleaseMade: {event.ReleaseMade{Indicator: "ind1", Run: "r1", Rev: 7, CellsFrom: 1, CellsTo: 9, Except: []event.Guard{guard}, ExceptFlags: []string{"f1"}, Withdrawn: []event.Guard{guard}},
			event.ReleaseMade{Indicator: "ind1", Run: "r1"}},
		event.TypeDecisionRefused: {event.DecisionRefused{Decision: "x", Flag: "f1", By: "s2", Note: "n", On: day, Batch: "b", Role: "r", Client: "c"},
			event.DecisionRefused{Decision: "x", Flag: "f1", By: "s2"}},
		event.TypeDecisionWithdrawn: {event.DecisionWithdrawn{Decision: "x", Flag: "f1", By: "s1", Note: "n", On: day, Batch: "b", Role: "r", Client: "c"},
			event.DecisionWithdrawn{Decision: "x", Flag: "f1", By: "s1"}},
		event.TypeFlagReopened: {event.FlagReopened{Flag: "f1", Reason: "conflict", Run: "r1", Rev: 7, AsOf: day, Guards: []event.Guard{guard}},
			event.FlagReopened{Flag: "f1", Reason: "expired"}},
		event.TypeFlagJudged: {event.FlagJudged{Judgement: "j", Flag: "f1", By: "s1", Cause: "c", Evidence: "e", On: day},
			event.FlagJudged{Judgement: "j", Flag: "f1", By: "s1", Cause: "c", Evidence: "e"}},
		event.TypeImpactViewed: {event.ImpactViewed{Flag: "f1", Kind: event.Accept, By: "s1", Judgement: "j", On: day},
			event.ImpactViewed{Flag: "f1", Kind: event.RejectIt, By: "s1", Judgement: "j"}},
		event.TypeCorrectionRetired: {event.CorrectionRetired{Decision: "x", Flag: "f1", Cell: guard, Run: "r1", Rev: 7},
			event.CorrectionRetired{Decision: "x", Flag: "f1", Cell: guard, Run: "r1"}},
		event.TypeProtocolDrawn: {event.ProtocolDrawn{Protocol: "p", Indicator: "ind1", Version: "1", Seed: "7", Rev: 7, By: "s1", On: day, Inside: 5, Outside: 5, Rows: "h"},
			event.ProtocolDrawn{Protocol: "p", Indicator: "ind1", Version: "1", Seed: "7", By: "s1", Rows: "h"}},
		event.TypeProtocolSigned: {event.ProtocolSigned{Protocol: "p", Indicator: "ind1", Version: "1", Specification: "s", Comparison: "c",
			InsideChecked: 5, InsideAgreed: 5, OutsideChecked: 5, OutsideAgreed: 4, Low: 0.5, High: 0.9, Level: "smoke_check", Checker: "s3", By: "s1", On: day, Note: "n"},
			event.ProtocolSigned{Protocol: "p", Indicator: "ind1", Version: "1", Specification: "s", Comparison: "c", Level: "sample", Checker: "s3", By: "s1"}},
		event.TypeFlagPassed: {event.FlagPassed{Flag: "f1", Run: "r1", Rev: 7, AsOf: day}, event.FlagPassed{Flag: "f1", Run: "r1"}},
		event.TypeFlagAssigned: {event.FlagAssigned{Flag: "f1", To: "s2", By: "s1", Note: "n", On: day, Role: "r", Client: "c"},
			event.FlagAssigned{Flag: "f1", By: "s1"}},
		event.TypeEvidenceAttached: {event.EvidenceAttached{Evidence: "e1", Flag: "f1", By: "s1", Text: "t", Link: "l", SHA256: hash, On: day, Role: "r", Client: "c"},
			event.EvidenceAttached{Evidence: "e1", Flag: "f1", By: "s1", SHA256: hash}},
		event.TypeFlagSeen: {event.FlagSeen{Flag: "f1", FlagVersion: 3, By: "s1", On: day, Client: "c"}, event.FlagSeen{Flag: "f1", By: "s1"}},
		event.TypeDataRead: {event.DataRead{By: "s1", What: event.ReadRows, Of: hash, On: day, Client: "c"}, event.DataRead{What: event.ReadSample, Of: "p"}},
		event.TypeUnitAffirmed: {event.UnitAffirmed{Unit: "u1", Through: day, By: "s1", Note: "n", On: day, Role: "r", Client: "c"},
			event.UnitAffirmed{Unit: "u1", Through: day, By: "s1"}},
		event.TypeProtocolRevoked: {event.ProtocolRevoked{Indicator: "ind1", Version: "1", By: "s1", Note: "n", On: day},
			event.ProtocolRevoked{Indicator: "ind1", Version: "1", By: "s1", Note: "n"}},
	}
}

// declared are the event types that package event declares, from its source: a
// type without a schema or a sample must not pass unnoticed.
func declared(t *testing.T) []event.Type {
	t.Helper()
	f, err := parser.ParseFile(token.NewFileSet(), "../../pipeline/event/ledger.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	var types []event.Type
	ast.Inspect(f, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok {
			return true
		}
		if id, ok := spec.Type.(*ast.Ident); ok && id.Name == "Type" {
			value, err := strconv.Unquote(spec.Values[0].(*ast.BasicLit).Value)
			if err != nil {
				t.Fatal(err)
			}
			types = append(types, event.Type(value))
		}
		return true
	})
	slices.Sort(types)
	return types
}

type schema struct {
	Schema               string             `json:"$schema"`
	ID                   string             `json:"$id"`
	Ref                  string             `json:"$ref"`
	Description          string             `json:"description"`
	Type                 any                `json:"type"`
	AdditionalProperties any                `json:"additionalProperties"`
	Required             []string           `json:"required"`
	Properties           map[string]*schema `json:"properties"`
	Items                *schema            `json:"items"`
	Defs                 map[string]*schema `json:"$defs"`
}

func load(t *testing.T, typ event.Type) (*schema, *jsonschema.Schema) {
	t.Helper()
	b, err := fs.ReadFile(events.Files(), string(typ)+".json")
	if err != nil {
		t.Fatal(err)
	}
	var s schema
	if err := json.Unmarshal(b, &s); err != nil {
		t.Fatal(err)
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource(s.ID, doc); err != nil {
		t.Fatal(err)
	}
	compiled, err := c.Compile(s.ID)
	if err != nil {
		t.Fatal(err)
	}
	return &s, compiled
}

func TestEveryTypeHasASchema(t *testing.T) {
	types := declared(t)
	if len(types) < 15 {
		t.Fatalf("only %d types were found in the source", len(types))
	}
	if d := cmp.Diff(types, slices.Sorted(maps.Keys(samples()))); d != "" {
		t.Errorf("types and samples differ (-types +samples):\n%s", d)
	}
	entries, err := fs.ReadDir(events.Files(), ".")
	if err != nil {
		t.Fatal(err)
	}
	var files []event.Type
	for _, e := range entries {
		files = append(files, event.Type(strings.TrimSuffix(e.Name(), ".json")))
	}
	slices.Sort(files)
	if d := cmp.Diff(types, files); d != "" {
		t.Errorf("types and files differ (-types +files):\n%s", d)
	}
}

func TestSchemasHaveTheFieldsOfTheBodies(t *testing.T) {
	for typ, bodies := range samples() {
		s, _ := load(t, typ)
		if want := "https://json-schema.org/draft/2020-12/schema"; s.Schema != want {
			t.Errorf("%s: $schema %q", typ, s.Schema)
		}
		if s.ID != eventlog.SchemaURN(typ) {
			t.Errorf("%s: $id %q, events carry %q", typ, s.ID, eventlog.SchemaURN(typ))
		}
		for _, b := range bodies {
			if b.EventType() != typ {
				t.Errorf("sample of %s is a %s", typ, b.EventType())
			}
		}
		sameFields(t, string(typ), reflect.TypeOf(bodies[0]), s, s)
	}
}

// sameFields holds a struct and its schema equal, field by field: names, kinds,
// which may be left out, and nothing beside them.
func sameFields(t *testing.T, at string, typ reflect.Type, s, root *schema) {
	t.Helper()
	s = resolve(t, at, s, root)
	if s.AdditionalProperties != false {
		t.Errorf("%s allows other properties", at)
	}
	var names, required []string
	for i := range typ.NumField() {
		f := typ.Field(i)
		name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		names = append(names, name)
		if options != "omitempty" && options != "omitzero" {
			required = append(required, name)
		}
		p, ok := s.Properties[name]
		if !ok {
			continue // reported below
		}
		sameKind(t, at+"."+name, f.Type, p, root)
	}
	slices.Sort(names)
	slices.Sort(required)
	if d := cmp.Diff(names, slices.Sorted(maps.Keys(s.Properties))); d != "" {
		t.Errorf("%s: fields and properties differ (-struct +schema):\n%s", at, d)
	}
	got := slices.Clone(s.Required)
	slices.Sort(got)
	if d := cmp.Diff(required, got); d != "" {
		t.Errorf("%s: required fields differ (-struct +schema):\n%s", at, d)
	}
}

func resolve(t *testing.T, at string, s, root *schema) *schema {
	t.Helper()
	if s.Description == "" {
		t.Errorf("%s has no description", at)
	}
	if s.Ref == "" {
		return s
	}
	def, ok := root.Defs[strings.TrimPrefix(s.Ref, "#/$defs/")]
	if !ok {
		t.Fatalf("%s refers to %s, which is not there", at, s.Ref)
	}
	return def
}

func sameKind(t *testing.T, at string, typ reflect.Type, s, root *schema) {
	t.Helper()
	isText := typ.Implements(reflect.TypeFor[interface{ MarshalText() ([]byte, error) }]())
	target := resolve(t, at, s, root)
	var want string
	switch {
	case isText || typ.Kind() == reflect.String:
		want = "string"
	case typ.Kind() == reflect.Struct:
		sameFields(t, at, typ, s, root)
		return
	case typ.Kind() == reflect.Slice:
		if !kinds(target, "array") {
			t.Errorf("%s is %v in the schema", at, target.Type)
		}
		if typ.Elem().Kind() == reflect.Struct {
			sameFields(t, at+"[]", typ.Elem(), describe(target.Items), root)
		} else {
			sameKind(t, at+"[]", typ.Elem(), describe(target.Items), root)
		}
		return
	case typ.Kind() == reflect.Map:
		want = "object"
	case typ.Kind() == reflect.Float64:
		want = "number"
	case typ.Kind() == reflect.Bool:
		want = "boolean"
	default:
		want = "integer"
	}
	if target.Type == nil { // an enumeration of strings
		if want != "string" {
			t.Errorf("%s is an enumeration and its field a %s", at, typ)
		}
		return
	}
	if !kinds(target, want) {
		t.Errorf("%s is %v in the schema and a %s in the struct", at, target.Type, typ)
	}
}

// describe gives items, whose array is described, no description of their own.
func describe(s *schema) *schema {
	c := *s
	c.Description = "item"
	return &c
}

func kinds(s *schema, want string) bool {
	switch v := s.Type.(type) {
	case string:
		return v == want
	case []any:
		return slices.Contains(v, any(want))
	}
	return false
}

func instance(t *testing.T, body any) map[string]any {
	t.Helper()
	b, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	return v.(map[string]any)
}

// Every body is valid, and what differs from a body is not.
func TestBodiesAreValid(t *testing.T) {
	for typ, bodies := range samples() {
		s, compiled := load(t, typ)
		for i, b := range bodies {
			if err := compiled.Validate(instance(t, b)); err != nil {
				t.Errorf("%s, sample %d: %v", typ, i, err)
			}
		}
		for name := range instance(t, bodies[0]) {
			v := instance(t, bodies[0])
			delete(v, name)
			if err := compiled.Validate(v); (err == nil) == slices.Contains(s.Required, name) {
				t.Errorf("%s without %s: %v", typ, name, err)
			}
			v = instance(t, bodies[0])
			v[name] = true // no field is a truth value
			if compiled.Validate(v) == nil {
				t.Errorf("%s with %s: true is valid", typ, name)
			}
		}
		v := instance(t, bodies[0])
		v["more"] = 1
		if compiled.Validate(v) == nil {
			t.Errorf("%s with a field that the body does not have is valid", typ)
		}
	}
}

// The samples are full: a field that a body gains and a sample lacks would make
// the tests above test nothing of it.
func TestSamplesAreFull(t *testing.T) {
	for typ, bodies := range samples() {
		v := reflect.ValueOf(bodies[0])
		for i := range v.NumField() {
			if v.Field(i).IsZero() {
				t.Errorf("%s: %s is not set", typ, v.Type().Field(i).Name)
			}
		}
	}
}

// Bodies as earlier releases wrote them are valid, and written again they are
// the same bytes: their events keep their ids.
func TestEarlierBodiesAreKept(t *testing.T) {
	fp := strings.Repeat("ab", 32)
	for typ, texts := range map[event.Type][]string{
		event.TypeFlagRaised: {`{"flag":"f1","check":"K09","check_version":1,"severity":"HOLD","indicator":"i","unit":"u","period":"2025-01-01","observed":1,"expected":2,"direction":"down","low":0,"high":3,"text":"t","run":"r","rev":7,"guards":[{"registry":"g","version":"1","granularity":"month","unit":"u","period":"2025-01-01","fingerprint":"` + fp + `"}],"catalog":"h","as_of":"2025-02-01"}`},
		event.TypeDecisionMade: {`{"decision":"d","flag":"f1","kind":"accept","by":"p","cause":"true_change","on":"2025-02-02","until":"2025-05-03","low":0,"high":3}`,
			`{"decision":"d","flag":"f1","kind":"comment","by":"p","note":"n","on":"2025-02-02","until":"","low":0,"high":0}`},
		event.TypeDecisionProposed:  {`{"decision":"d","flag":"f1","kind":"waive","by":"p","cause":"false_alarm","note":"n","on":"2025-02-02","until":"2025-05-03"}`},
		event.TypeDecisionConfirmed: {`{"decision":"d","flag":"f1","by":"q","on":"2025-02-02"}`},
	} {
		_, compiled := load(t, typ)
		for _, text := range texts {
			v, err := jsonschema.UnmarshalJSON(strings.NewReader(text))
			if err != nil {
				t.Fatal(err)
			}
			if err := compiled.Validate(v); err != nil {
				t.Errorf("%s: %v", typ, err)
			}
			b := reflect.New(reflect.TypeOf(samples()[typ][0]))
			if err := json.Unmarshal([]byte(text), b.Interface()); err != nil {
				t.Fatal(err)
			}
			again, err := json.Marshal(b.Interface())
			if err != nil {
				t.Fatal(err)
			}
			if string(again) != text {
				t.Errorf("%s\n  was %s\n  is  %s", typ, text, again)
			}
		}
	}
}
