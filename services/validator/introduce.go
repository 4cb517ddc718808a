package validator

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"

	"larstrom/pipeline/catalog"
	"larstrom/pipeline/event"
	"larstrom/pipeline/gate"
	"larstrom/pipeline/introduction"
	"larstrom/pipeline/warehouse"
)

// Draw asks for a sample of cases of an indicator version.
type Draw struct {
	Indicator string       `json:"indicator"`
	Version   string       `json:"indicator_version"`
	Seed      string       `json:"seed"`
	Inside    int          `json:"inside"`
	Outside   int          `json:"outside"`
	From      catalog.Date `json:"from"` // half-open; zero: open
	To        catalog.Date `json:"to"`
}

// Drawn is the sample with its protocol.
type Drawn struct {
	event.ProtocolDrawn
	Cases []introduction.Row `json:"cases"` // those from inside the numerator first
	// Level is what the sample can carry if every case agrees.
	Level string `json:"level"`
}

// DrawSample draws the sample of an introduction protocol and appends that it
// was drawn: the same request on the same data gives the same cases again. The
// cases name delivery and line, no person.
func (s *Service) DrawSample(ctx context.Context, who gate.Actor, d Draw, on catalog.Date) (Drawn, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.state.Sync(ctx, s.cfg.Log); err != nil {
		return Drawn{}, err
	}
	ind, r := (*catalog.Indicator)(nil), s.state.LastChecked()
	if i, ok := s.index.Indicator(d.Indicator); ok {
		ind = i
	}
	if ind == nil || r == nil {
		return Drawn{}, fmt.Errorf("%w: there are no data of an indicator %q", gate.ErrIntroduction, d.Indicator)
	}
	// Who may not draw is told so before anything is read.
	if err := gate.Allowed(who, gate.Introduce, []string{ind.Registry}, []string{""}); err != nil {
		return Drawn{}, err
	}
	var rows []introduction.Row
	for i := range s.cfg.Catalog.Feeds {
		f := &s.cfg.Catalog.Feeds[i]
		if !brings(f, ind) {
			continue
		}
		from := warehouse.Source{Feed: f, Effective: s.state.EffectiveOf(f.ID, r, ""), Indicators: []*catalog.Indicator{ind}}
		of, err := s.cfg.Warehouse.Cases(ctx, from, ind, d.Version, d.From, d.To)
		if err != nil {
			return Drawn{}, err
		}
		rows = append(rows, of...)
	}
	sample, err := introduction.Draw(rows, d.Seed, d.Inside, d.Outside)
	if err != nil {
		return Drawn{}, err
	}
	cells, g, err := s.fold(ctx, d.Indicator)
	if err != nil {
		return Drawn{}, err
	}
	digest := sample.Digest()
	h := sha256.Sum256(fmt.Appendf(nil, "protocol %s %s %d:%s %s", d.Indicator, d.Version, len(d.Seed), d.Seed, digest))
	body, err := g.Draw(event.ProtocolDrawn{Protocol: hex.EncodeToString(h[:16]), Indicator: d.Indicator, Version: d.Version, Seed: d.Seed,
		Rev: s.state.Rev(r), On: on, Inside: d.Inside, Outside: d.Outside, Rows: digest}, ind.Registry, who)
	if err != nil {
		return Drawn{}, err
	}
	out := Drawn{ProtocolDrawn: body, Cases: append(sample.Inside, sample.Outside...), Level: introduction.Level(d.Inside, d.Outside)}
	if last, ok := g.Protocol(d.Version); ok && last.ProtocolDrawn.Protocol == body.Protocol {
		// Drawn before: the cases are told again, and that is on record.
		return out, s.note(ctx, event.ReadingSubject(s.cfg.Catalog.Region.Code), event.DataRead{By: who.ID, What: event.ReadSample, Of: body.Protocol, On: on})
	}
	_, err = s.appendGate(ctx, d.Indicator, "protocol "+body.Protocol, cells, g, []event.Body{body})
	return out, err
}

// SignProtocol introduces an indicator version; the next publication shows it
// to all units.
func (s *Service) SignProtocol(ctx context.Context, who gate.Actor, p event.ProtocolSigned, on catalog.Date) (event.ProtocolSigned, Decided, error) {
	if err := s.plain(p.Specification, p.Comparison, p.Checker, p.Note); err != nil {
		return p, Decided{}, err
	}
	p.On = on
	d, err := s.introduce(ctx, p.Indicator, "sign "+p.Protocol+" "+who.ID, func(g *gate.State, registry string) (body event.Body, err error) {
		p, err = g.Sign(p, registry, who)
		if stands, ok := g.Protocol(p.Version); err == nil && ok && stands.Signed != nil {
			was := *stands.Signed
			if was.On = p.On; was == p {
				p = *stands.Signed
				return nil, nil
			}
		}
		return p, err
	})
	return p, d, err
}

// RevokeProtocol sends an indicator version back to its pilot units.
func (s *Service) RevokeProtocol(ctx context.Context, who gate.Actor, p event.ProtocolRevoked, on catalog.Date) (Decided, error) {
	if err := s.plain(p.Note); err != nil {
		return Decided{}, err
	}
	p.On = on
	return s.introduce(ctx, p.Indicator, "revoke "+p.Version+" "+who.ID, func(g *gate.State, registry string) (event.Body, error) {
		r, err := g.Revoke(p, registry, who)
		if stands, ok := g.Protocol(r.Version); err == nil && ok && stands.Revoked != nil {
			was := *stands.Revoked
			if was.On = r.On; was == r {
				return nil, nil
			}
		}
		return r, err
	})
}

// introduce appends a word about an introduction and the release that makes it
// seen; nothing where say gives no word, because it stands already.
func (s *Service) introduce(ctx context.Context, indicator, cause string, say func(*gate.State, string) (event.Body, error)) (Decided, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.state.Sync(ctx, s.cfg.Log); err != nil {
		return Decided{}, err
	}
	ind, ok := s.index.Indicator(indicator)
	if !ok {
		return Decided{}, fmt.Errorf("%w: the catalog has no indicator %q", gate.ErrIntroduction, indicator)
	}
	cells, g, err := s.fold(ctx, indicator)
	if err != nil {
		return Decided{}, err
	}
	body, err := say(g, ind.Registry)
	if err != nil {
		return Decided{}, err
	}
	if body == nil { // it stands already
		return Decided{Seq: s.state.GateSeq(indicator)}, nil
	}
	bodies := []event.Body{body}
	if last, ok := g.LastRelease(); ok {
		bodies = append(bodies, g.Release(last.Run, last.Rev, last.CellsFrom, last.CellsTo))
	}
	before := s.state.GateSeq(indicator)
	// What was revoked since is said again in an event of its own.
	if _, err := s.appendGate(ctx, indicator, fmt.Sprintf("%s after %d", cause, before), cells, g, bodies); err != nil {
		return Decided{}, err
	}
	d := Decided{Seq: s.state.GateSeq(indicator)}
	for _, e := range s.state.GateEvents(indicator) {
		if e.Sequence > before {
			d.Events = append(d.Events, e)
		}
	}
	return d, nil
}
