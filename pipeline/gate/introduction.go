package gate

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"larstrom/pipeline/catalog"
	"larstrom/pipeline/event"
	"larstrom/pipeline/introduction"
)

// Protocol is the introduction of one indicator version as the LEDGER has it:
// the last sample, and what became of it.
type Protocol struct {
	event.ProtocolDrawn
	// Signed is nil until it is, and after a revocation.
	Signed  *event.ProtocolSigned
	Revoked *event.ProtocolRevoked
}

// Protocol is the last introduction protocol of an indicator version.
func (s *State) Protocol(version string) (Protocol, bool) {
	p := s.protocols[version]
	if p == nil {
		return Protocol{}, false
	}
	return *p, true
}

// Introduced reports whether all units may see a version of the indicator.
//
// The LEDGER rules: a signed protocol introduces its version, and a revocation
// sends it back to its pilot units, whatever the catalog says. Where the LEDGER
// has neither, a signature in the catalog stands for a protocol on paper: it
// covers the versions that began before it and, one after the other, those
// that are comparable to a covered one. An indicator whose catalog speaks of no
// introduction at all has been in use since before there were protocols.
func (s *State) Introduced(ind *catalog.Indicator, version string) bool {
	p := s.protocols[version]
	switch {
	case p != nil && p.Revoked != nil:
		return false
	case p != nil && p.Signed != nil:
		return true
	}
	in := ind.Introduction
	if in.Signed.IsZero() {
		return len(in.PilotUnits) == 0
	}
	covered := true
	for _, v := range ind.Versions {
		covered = !in.Signed.Before(v.From) || v.Comparable && covered
		if v.ID == version {
			return covered
		}
	}
	return true // of before the catalog's first version
}

// Pilot reports whether a version that is not introduced is visible for the
// unit: it is one of the pilot units, or below one.
func Pilot(ind *catalog.Indicator, unit string, below func(unit, above string) bool) bool {
	return slices.ContainsFunc(ind.Introduction.PilotUnits, func(p string) bool {
		return p == unit || below != nil && below(unit, p)
	})
}

// Draw says what to append for a sample that was drawn by who on the day on,
// or why it is refused. The event takes effect by Apply.
func (s *State) Draw(d event.ProtocolDrawn, registry string, who Actor) (event.ProtocolDrawn, error) {
	if err := Allowed(who, Introduce, []string{registry}, []string{""}); err != nil {
		return d, err
	}
	d.By = who.ID
	return d, s.drawable(d)
}

func (s *State) drawable(d event.ProtocolDrawn) error {
	switch {
	case d.Indicator != s.indicator:
		return fmt.Errorf("%w: a protocol of indicator %s", ErrForeign, d.Indicator)
	case d.Protocol == "" || d.Version == "" || d.Seed == "" || d.Rows == "" || d.By == "" || d.On.IsZero() || d.Inside < 1 || d.Outside < 1:
		return fmt.Errorf("%w: a sample has a version, a seed, rows from inside and outside the numerator, a person and a date", ErrIntroduction)
	}
	return nil
}

// Sign says what to append when a protocol is signed: level and interval are
// filled in. It is refused with ErrIntroduction while something is missing or
// the agreement of either side is below introduction.Enough.
func (s *State) Sign(p event.ProtocolSigned, registry string, who Actor) (event.ProtocolSigned, error) {
	if err := Allowed(who, Introduce, []string{registry}, []string{""}); err != nil {
		return p, err
	}
	p.By, p.Note = who.ID, strings.TrimSpace(p.Note)
	p.Level = introduction.Level(p.InsideChecked, p.OutsideChecked)
	p.Low, p.High = introduction.Interval(p.InsideAgreed+p.OutsideAgreed, p.InsideChecked+p.OutsideChecked)
	return p, s.signable(p)
}

func (s *State) signable(p event.ProtocolSigned) error {
	incomplete := func(format string, a ...any) error {
		return fmt.Errorf("%w: "+format, append([]any{ErrIntroduction}, a...)...)
	}
	if p.Indicator != s.indicator {
		return fmt.Errorf("%w: a protocol of indicator %s", ErrForeign, p.Indicator)
	}
	d := s.protocols[p.Version]
	switch {
	case d == nil || d.ProtocolDrawn.Protocol != p.Protocol:
		return incomplete("protocol %q is not the last one drawn for version %s", p.Protocol, p.Version)
	case p.By == "" || p.Checker == "" || p.On.IsZero():
		return incomplete("it needs who checked the records, who signs, and the day")
	case strings.TrimSpace(p.Specification) == "":
		return incomplete("name the specification that was read")
	case strings.TrimSpace(p.Comparison) == "":
		return incomplete("name the cross-system comparison and what it said")
	case p.InsideChecked < 1 || p.OutsideChecked < 1:
		return incomplete("cases from inside and from outside the numerator must be checked by a person")
	case p.InsideChecked > d.Inside || p.OutsideChecked > d.Outside:
		return incomplete("%d and %d cases are checked of the %d and %d that were drawn", p.InsideChecked, p.OutsideChecked, d.Inside, d.Outside)
	case p.InsideAgreed < 0 || p.OutsideAgreed < 0 || p.InsideAgreed > p.InsideChecked || p.OutsideAgreed > p.OutsideChecked:
		return incomplete("%d of %d and %d of %d cases agree", p.InsideAgreed, p.InsideChecked, p.OutsideAgreed, p.OutsideChecked)
	}
	for _, side := range [][2]int{{p.InsideAgreed, p.InsideChecked}, {p.OutsideAgreed, p.OutsideChecked}} {
		if float64(side[0]) < introduction.Enough*float64(side[1]) {
			return incomplete("%d of %d cases agree, which is less than %.0f %%; find out why, and draw anew", side[0], side[1], 100*introduction.Enough)
		}
	}
	low, high := introduction.Interval(p.InsideAgreed+p.OutsideAgreed, p.InsideChecked+p.OutsideChecked)
	if p.Level != introduction.Level(p.InsideChecked, p.OutsideChecked) || math.Abs(p.Low-low) > 1e-9 || math.Abs(p.High-high) > 1e-9 {
		return incomplete("level %s and interval %v to %v are not those of the checked cases", p.Level, p.Low, p.High)
	}
	return nil
}

// Revoke says what to append when a version is sent back to its pilot units.
func (s *State) Revoke(r event.ProtocolRevoked, registry string, who Actor) (event.ProtocolRevoked, error) {
	if err := Allowed(who, Introduce, []string{registry}, []string{""}); err != nil {
		return r, err
	}
	r.By, r.Note = who.ID, strings.TrimSpace(r.Note)
	return r, s.revocable(r)
}

func (s *State) revocable(r event.ProtocolRevoked) error {
	switch {
	case r.Indicator != s.indicator:
		return fmt.Errorf("%w: a protocol of indicator %s", ErrForeign, r.Indicator)
	case r.Version == "" || r.By == "" || r.On.IsZero() || r.Note == "":
		return fmt.Errorf("%w: a revocation needs a version, a person, a date and a reason", ErrIntroduction)
	}
	return nil
}

func (s *State) applyDrawn(d event.ProtocolDrawn) error {
	if err := s.drawable(d); err != nil {
		return fmt.Errorf("%w: %w", ErrTransition, err)
	}
	p := &Protocol{ProtocolDrawn: d}
	if old := s.protocols[d.Version]; old != nil {
		// What was signed stays so while a new sample is checked.
		p.Signed, p.Revoked = old.Signed, old.Revoked
	}
	s.protocols[d.Version] = p
	return nil
}

func (s *State) applySigned(e event.ProtocolSigned) error {
	if err := s.signable(e); err != nil {
		return fmt.Errorf("%w: %w", ErrTransition, err)
	}
	p := s.protocols[e.Version]
	p.Signed, p.Revoked = &e, nil
	return nil
}

func (s *State) applyRevoked(e event.ProtocolRevoked) error {
	if err := s.revocable(e); err != nil {
		return fmt.Errorf("%w: %w", ErrTransition, err)
	}
	p := s.protocols[e.Version]
	if p == nil {
		p = &Protocol{}
		s.protocols[e.Version] = p
	}
	p.Signed, p.Revoked = nil, &e
	return nil
}
