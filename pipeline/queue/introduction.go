package queue

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"larstrom/pipeline/catalog"
	"larstrom/pipeline/event"
	"larstrom/pipeline/gate"
	"larstrom/pipeline/run"
)

// Introduction is an indicator version that has data and is shown to its pilot
// units only, until its introduction protocol is signed.
type Introduction struct {
	Indicator string `json:"indicator"`
	Version   string `json:"indicator_version"`
	// Registry is that of the indicator: its stewards introduce it.
	Registry string `json:"registry"`
	// Since is the day on which the data came, or when it was last drawn or revoked.
	Since catalog.Date `json:"since"`
	// Protocol is the sample that was drawn and is not signed; empty: none is.
	Protocol string `json:"protocol,omitempty"`
	// Revoked: it had been introduced, and was sent back.
	Revoked bool `json:"revoked"`
}

// Introductions are those that await somebody on a day, by indicator and version.
// Days are those of the zone. Versions that have ended are nobody's task.
func Introductions(s *run.State, c *catalog.Catalog, zone *time.Location, on catalog.Date) ([]Introduction, error) {
	out := []Introduction{}
	for i := range c.Indicators {
		ind := &c.Indicators[i]
		events := s.GateEvents(ind.ID)
		if len(events) == 0 {
			continue // no data have come
		}
		protocols, last, err := protocolsOf(c.Region.Code, ind.ID, events)
		if err != nil {
			return nil, err
		}
		for _, v := range ind.Versions {
			if !on.Within(v.From, v.To) || protocols.Introduced(ind, v.ID) {
				continue
			}
			n := Introduction{Indicator: ind.ID, Version: v.ID, Registry: ind.Registry, Since: catalog.DateOf(events[0].Time.In(zone))}
			if n.Since.Before(v.From) {
				n.Since = v.From
			}
			if was, ok := last[v.ID]; ok {
				n.Since, n.Protocol, n.Revoked = was.Since, was.Protocol, was.Revoked
			}
			out = append(out, n)
		}
	}
	slices.SortFunc(out, func(a, b Introduction) int {
		return cmp.Or(strings.Compare(a.Indicator, b.Indicator), strings.Compare(a.Version, b.Version))
	})
	return out, nil
}

// protocolsOf is the gate with nothing but its protocols, and what was said last of
// each version that has one.
func protocolsOf(region, indicator string, events []event.Event) (*gate.State, map[string]Introduction, error) {
	g, last := gate.New(region, indicator), map[string]Introduction{}
	for _, e := range events {
		switch e.Type {
		case event.TypeProtocolDrawn:
			d, err := event.Decode[event.ProtocolDrawn](e)
			if err != nil {
				return nil, nil, err
			}
			last[d.Version] = Introduction{Since: d.On, Protocol: d.Protocol, Revoked: last[d.Version].Revoked}
		case event.TypeProtocolRevoked:
			r, err := event.Decode[event.ProtocolRevoked](e)
			if err != nil {
				return nil, nil, err
			}
			last[r.Version] = Introduction{Since: r.On, Revoked: true}
		case event.TypeProtocolSigned:
		default:
			continue
		}
		if err := g.Apply(e); err != nil {
			return nil, nil, err
		}
	}
	return g, last, nil
}

// For leaves the introductions that the actor signs.
func For(all []Introduction, a gate.Actor) []Introduction {
	return slices.DeleteFunc(slices.Clone(all), func(n Introduction) bool {
		return gate.Allowed(a, gate.Introduce, []string{n.Registry}, []string{""}) != nil
	})
}
