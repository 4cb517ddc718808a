package catalog

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
)

// canonicalFormat numbers the canonical form, so that a later one cannot be
// taken for this one.
const canonicalFormat = 1

type canonicalForm struct {
	Format int `json:"format"`
	*Catalog
}

// Canonical is the canonical form of the catalog: JSON without white space,
// fields in the order of the model, fields with their zero value left out, so
// that a field that a later release adds does not change what is stored. It is
// for machines; it is not a catalog file, since no default applies to it.
func (c *Catalog) Canonical() []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(canonicalForm{canonicalFormat, c}); err != nil {
		// Only a number that is not finite could do this, and no catalog that
		// Load or Decode gave has one.
		panic(fmt.Sprintf("catalog: canonical form: %v", err))
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}

// Decode reads what Canonical wrote. It refuses any other bytes, even of the
// same meaning, so that a stored catalog and its hash are the same thing.
// It does not validate: what was adopted under earlier rules must still be
// readable when the log is replayed.
func Decode(canonical []byte) (*Catalog, error) {
	d := json.NewDecoder(bytes.NewReader(canonical))
	d.DisallowUnknownFields()
	form := canonicalForm{Catalog: &Catalog{}}
	if err := d.Decode(&form); err != nil {
		return nil, fmt.Errorf("catalog: the canonical form cannot be read at byte %d: %w; it is damaged, or of a later release", d.InputOffset(), err)
	}
	if form.Format != canonicalFormat {
		return nil, fmt.Errorf("catalog: the canonical form has format %d, this release reads %d; use the release that wrote it", form.Format, canonicalFormat)
	}
	c := form.Catalog
	if c == nil {
		c = &Catalog{}
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("catalog: something follows the canonical form at byte %d; it is damaged", d.InputOffset())
	}
	if again := c.Canonical(); !bytes.Equal(again, canonical) {
		return nil, fmt.Errorf("catalog: the bytes are not the canonical form (they differ at byte %d); they are damaged, or were not written by Canonical", differ(again, canonical))
	}
	c.seal()
	return c, nil
}

func differ(a, b []byte) int {
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			return i
		}
	}
	return min(len(a), len(b))
}

// seal gives the finished catalog its hash and index.
func (c *Catalog) seal() {
	hash := sha256.Sum256(c.Canonical())
	c.Hash = hex.EncodeToString(hash[:])
	c.index = newIndex(c)
}

// normalise puts every list in which order has no meaning into one order.
// Lists that keep theirs: Feed.Key, Columns.Strata, Columns.UnitElse,
// Pivot.Columns, Dialect.Names.
func normalise(c *Catalog) {
	by(c.Registries, func(r Registry) []string { return []string{r.Code} })
	by(c.Indicators, func(i Indicator) []string { return []string{i.ID} })
	by(c.Units, func(u Unit) []string { return []string{u.ID} })
	by(c.Feeds, func(f Feed) []string { return []string{f.ID} })
	by(c.CodeSystems, func(s CodeSystem) []string { return []string{s.ID} })
	by(c.People, func(p Person) []string { return []string{p.ID} })
	by(c.Profiles, func(p Profile) []string { return []string{p.ID} })
	for i := range c.Profiles {
		slices.Sort(c.Profiles[i].Indicators)
	}
	for i := range c.Indicators {
		in := &c.Indicators[i]
		by(in.Targets, func(t Target) []string { return []string{t.From.String()} })
		slices.SortStableFunc(in.References, func(a, b Reference) int {
			return cmp.Or(a.From.Compare(b.From), strings.Compare(a.Level, b.Level),
				strings.Compare(a.Source, b.Source), cmp.Compare(a.Value, b.Value))
		})
		by(in.Versions, func(v Version) []string { return []string{v.From.String()} })
		slices.Sort(in.Introduction.PilotUnits)
		by(in.Phases, func(p Phase) []string { return []string{p.From.String(), p.Unit, p.Stratum} })
		by(in.Exclude, func(e Exclusion) []string { return []string{e.Period.String(), e.Unit, e.Stratum} })
	}
	for i := range c.Units {
		u := &c.Units[i]
		by(u.Codes, func(c Code) []string { return []string{c.System, c.Code, c.From.String()} })
		by(u.Parents, func(p Parent) []string { return []string{p.From.String(), p.Unit} })
		by(u.Successors, func(s Successor) []string { return []string{s.From.String(), s.Unit} })
	}
	for i := range c.Feeds {
		f := &c.Feeds[i]
		slices.Sort(f.Files)
		slices.SortStableFunc(f.Fixed, func(a, b FixedColumn) int { return cmp.Compare(a.From, b.From) })
		slices.Sort(f.IgnoreColumns)
		slices.Sort(f.UploadTokens)
		slices.Sort(f.Identifiers)
		for j := range f.Opaque {
			slices.Sort(f.Opaque[j].Forms)
		}
		by(f.Opaque, func(o OpaqueColumn) []string { return append([]string{o.Column}, o.Forms...) })
		slices.Sort(f.Dialect.Missing)
		slices.Sort(f.Schedule.Roster)
		if f.Operation != nil {
			slices.Sort(f.Operation.Delete)
		}
		normaliseRows(f)
		for j := range f.Measures {
			if w := f.Measures[j].When; w != nil {
				slices.Sort(w.In)
			}
		}
		by(f.Measures, func(m Measure) []string {
			if m.When == nil {
				return []string{m.Indicator}
			}
			return append([]string{m.Indicator, m.When.Column}, m.When.In...)
		})
		by(f.Codes, func(c CodeColumn) []string { return []string{c.Column, c.System} })
	}
	for i := range c.CodeSystems {
		by(c.CodeSystems[i].Codes, func(c DatedCode) []string { return []string{c.Code, c.From.String()} })
	}
	for i := range c.People {
		for j := range c.People[i].Roles {
			slices.Sort(c.People[i].Roles[j].Units)
			slices.Sort(c.People[i].Roles[j].Registries)
		}
		by(c.People[i].Roles, func(r Role) []string {
			return slices.Concat([]string{r.Role, ""}, r.Units, []string{""}, r.Registries)
		})
	}
}

// normaliseRows orders what a feed says of its rows.
func normaliseRows(f *Feed) {
	if f.FHIR != nil {
		slices.Sort(f.FHIR.Stratifiers)
		by(f.FHIR.Measures, func(m FhirMeasure) []string { return []string{m.URL, m.Group} })
	}
	if f.Instruction != nil {
		by(f.Instruction.Texts, func(t InstructionText) []string { return []string{t.Text, t.Then} })
	}
	if f.Pivot != nil {
		slices.Sort(f.Pivot.Ignore)
	}
	if f.Reasons != nil {
		slices.Sort(f.Reasons.Codes)
		slices.Sort(f.Reasons.Masked)
	}
	for i := range f.Columns.UnitElse {
		slices.Sort(f.Columns.UnitElse[i].Blank)
	}
	for i := range f.Only {
		slices.Sort(f.Only[i].In)
	}
	by(f.Only, func(o Only) []string { return append([]string{o.Column, o.Else}, o.In...) })
	for i := range f.Translate {
		slices.Sort(f.Translate[i].Columns)
		slices.Sort(f.Translate[i].Texts)
	}
	by(f.Translate, func(t Translation) []string {
		return slices.Concat([]string{t.Value, ""}, t.Columns, []string{""}, t.Texts)
	})
}

func by[T any](list []T, key func(T) []string) {
	slices.SortStableFunc(list, func(a, b T) int { return slices.Compare(key(a), key(b)) })
}
