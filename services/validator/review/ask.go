package review

import (
	"errors"
	"net/http"
	"slices"
	"time"

	"larstrom/pipeline/catalog"
	"larstrom/pipeline/event"
	"larstrom/pipeline/gate"
	"larstrom/services/validator"
)

// Answers say what was visible of a point.
type Answers struct {
	Answers []validator.Answer `json:"answers"`
}

func (h *Handler) why(w http.ResponseWriter, r *http.Request, who catalog.Person) *Problem {
	q := r.URL.Query()
	for name := range q {
		if !slices.Contains([]string{"indicator", "unit", "period", "indicator_version", "granularity", "stratum", "on"}, name) {
			return badRequest("compare it with GET "+PathOpenAPI, "there is no parameter of that name")
		}
	}
	ask := validator.Question{Indicator: q.Get("indicator"), Unit: q.Get("unit"), Version: q.Get("indicator_version"), Granularity: q.Get("granularity")}
	var err error
	if ask.Period, err = catalog.ParseDate(q.Get("period")); err != nil || ask.Indicator == "" || ask.Unit == "" {
		return badRequest("name indicator, unit, and the first day of the period as 2006-01-02", "indicator or unit is missing, or period is no date")
	}
	if q.Has("stratum") {
		stratum := q.Get("stratum")
		ask.Stratum = &stratum
	}
	if on := q.Get("on"); on != "" {
		if ask.At, err = h.instant(on); err != nil {
			return badRequest("on is a day as 2006-01-02, or an instant as 2006-01-02T15:04:05Z", "on is neither")
		}
	}
	answers, err := h.cfg.Reader.Why(r.Context(), who, ask)
	if _, there := h.index.Indicator(ask.Indicator); !there || errors.Is(err, gate.ErrForbidden) {
		return noSuchPoint()
	}
	if err != nil {
		return h.problemOf("say why", err)
	}
	say := h.speak(w, r)
	for _, a := range answers {
		for i := range a.Flags {
			a.Flags[i].Text, _ = say(a.Flags[i].Text)
		}
	}
	return answer(w, Answers{list(answers)})
}

// instant is the instant that a text names: itself, or the last of a day in the
// region's zone.
func (h *Handler) instant(text string) (time.Time, error) {
	if at, err := time.Parse(time.RFC3339, text); err == nil {
		return at, nil
	}
	d, err := catalog.ParseDate(text)
	if err != nil {
		return time.Time{}, err
	}
	t := d.AddDays(1).Time()
	return time.Date(t.Year(), t.Month(), t.Day(), 0, 0, 0, 0, h.zone).Add(-time.Nanosecond), nil
}

// Sample is a drawn sample with its protocol.
type Sample struct {
	event.ProtocolDrawn
	// Level is what the sample can carry if every case agrees.
	Level string `json:"level"`
	Cases []Case `json:"cases"`
}

// Case is a source row to check against the record, where that lies: it names
// no person.
type Case struct {
	Delivery string `json:"delivery"`
	Line     uint64 `json:"line"`
	Unit     string `json:"unit"`
	Stratum  string `json:"stratum,omitempty"`
	Inside   bool   `json:"inside"`
}

func (h *Handler) draw(w http.ResponseWriter, r *http.Request, who catalog.Person) *Problem {
	var d validator.Draw
	if p := body(w, r, maxBody, &d); p != nil {
		return p
	}
	drawn, err := h.cfg.Introducer.DrawSample(r.Context(), who, d)
	if err != nil {
		return h.problemOf("draw a sample", err)
	}
	s := Sample{ProtocolDrawn: drawn.ProtocolDrawn, Level: drawn.Level, Cases: []Case{}}
	for _, c := range drawn.Cases {
		s.Cases = append(s.Cases, Case(c))
	}
	return answer(w, s)
}

// Signature is what a person has done before she signs.
type Signature struct {
	Indicator      string `json:"indicator"`
	Version        string `json:"indicator_version"`
	Specification  string `json:"specification"`
	Comparison     string `json:"comparison"`
	Checker        string `json:"checker"`
	InsideChecked  int    `json:"inside_checked"`
	InsideAgreed   int    `json:"inside_agreed"`
	OutsideChecked int    `json:"outside_checked"`
	OutsideAgreed  int    `json:"outside_agreed"`
	Note           string `json:"note,omitempty"`
}

// Signed is the protocol as it is in the LEDGER.
type Signed struct {
	Signed event.ProtocolSigned `json:"signed"`
	Taken
}

func (h *Handler) sign(w http.ResponseWriter, r *http.Request, who catalog.Person) *Problem {
	var s Signature
	if p := body(w, r, maxBody, &s); p != nil {
		return p
	}
	ctx, stop := working(r)
	defer stop()
	signed, done, err := h.cfg.Introducer.SignProtocol(ctx, who, event.ProtocolSigned{Protocol: r.PathValue("protocol"), Indicator: s.Indicator,
		Version: s.Version, Specification: s.Specification, Comparison: s.Comparison, Checker: s.Checker, InsideChecked: s.InsideChecked,
		InsideAgreed: s.InsideAgreed, OutsideChecked: s.OutsideChecked, OutsideAgreed: s.OutsideAgreed, Note: s.Note})
	if err != nil {
		return h.problemOf("sign a protocol", err)
	}
	return answer(w, Signed{signed, taken(done.Events, done.Publication)})
}

// Revocation sends an indicator version back to its pilot units.
type Revocation struct {
	Indicator string `json:"indicator"`
	Version   string `json:"indicator_version"`
	Note      string `json:"note"`
}

func (h *Handler) revoke(w http.ResponseWriter, r *http.Request, who catalog.Person) *Problem {
	var v Revocation
	if p := body(w, r, maxBody, &v); p != nil {
		return p
	}
	ctx, stop := working(r)
	defer stop()
	done, err := h.cfg.Introducer.RevokeProtocol(ctx, who, event.ProtocolRevoked{Indicator: v.Indicator, Version: v.Version, Note: v.Note})
	if err != nil {
		return h.problemOf("revoke a protocol", err)
	}
	return answer(w, taken(done.Events, done.Publication))
}
