package review

import (
	"cmp"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"larstrom/pipeline/catalog"
	"larstrom/pipeline/event"
	"larstrom/pipeline/gate"
	"larstrom/pipeline/sentence"
)

// Listed is a flag in a list.
type Listed struct {
	Flag        string         `json:"flag"`
	FlagVersion int            `json:"flag_version"`
	Status      string         `json:"status"`
	Severity    event.Severity `json:"severity"`
	Check       string         `json:"check"`
	Incident    string         `json:"incident,omitempty"`
	Indicator   string         `json:"indicator"`
	Unit        string         `json:"unit,omitempty"`
	Stratum     string         `json:"stratum,omitempty"`
	Period      catalog.Date   `json:"period"`
	// Text is the finding, in the language of Accept-Language where one is spoken;
	// Said is the same as its kind and values, where it can be read.
	Text string          `json:"text"`
	Said []sentence.Said `json:"said,omitempty"`
	AsOf catalog.Date    `json:"as_of"`
	// Proposed says that something awaits a second person.
	Proposed bool         `json:"proposed"`
	Assigned string       `json:"assigned,omitempty"`
	Waiting  bool         `json:"waiting"` // for the source's answer
	Snoozed  catalog.Date `json:"snoozed"`
}

// Page is a part of a list.
type Page struct {
	Flags []Listed `json:"flags"`
	// All is how many flags fit the filter.
	All int `json:"all"`
	// Next is the address of the next page; empty: there is none.
	Next string `json:"next,omitempty"`
}

// How many flags a page has.
const (
	usualPage   = 50
	longestPage = 500
)

// Flag is a flag whole.
type Flag struct {
	event.FlagRaised
	// Said is Text as its kind and values, where it can be read.
	Said          []sentence.Said           `json:"said,omitempty"`
	Status        string                    `json:"status"`
	FlagVersion   int                       `json:"flag_version"`
	Reason        string                    `json:"reason,omitempty"`
	Snoozed       catalog.Date              `json:"snoozed"`
	WaivedUntil   catalog.Date              `json:"waived_until"`
	Waiting       bool                      `json:"waiting"`
	Decisions     []event.DecisionMade      `json:"decisions"`
	Proposals     []event.DecisionProposed  `json:"proposals"`
	Confirmed     []event.DecisionProposed  `json:"confirmed"`
	Confirmations []event.DecisionConfirmed `json:"confirmations"`
	Judgements    []event.FlagJudged        `json:"judgements"`
	// Assigned is to whom it is given; empty: to nobody.
	Assigned string                   `json:"assigned,omitempty"`
	Attached []event.EvidenceAttached `json:"attached"`
	// Also are versions that contradict a correction.
	Also []event.Guard `json:"also"`
}

func flagOf(f gate.Flag) Flag {
	return Flag{FlagRaised: f.FlagRaised, Status: f.Status.String(), FlagVersion: f.Version, Reason: f.Reason, Snoozed: f.Snoozed,
		WaivedUntil: f.WaivedUntil, Waiting: f.Waiting(), Decisions: list(f.Decisions), Proposals: list(f.Proposals), Confirmed: list(f.Confirmed),
		Confirmations: list(f.Confirmations), Judgements: list(f.Judgements), Assigned: f.Assigned, Attached: list(f.Evidence), Also: list(f.Also)}
}

// list is s, in JSON never null.
func list[T any](s []T) []T {
	if s == nil {
		return []T{}
	}
	return s
}

// place is where a flag stands in the list: gravest first, then by name.
type place struct {
	Gravity   int    `json:"g"`
	Indicator string `json:"i"`
	Unit      string `json:"u"`
	Period    string `json:"p"`
	Flag      string `json:"f"`
}

func placeOf(f gate.Flag) place {
	gravity := slices.Index([]event.Severity{event.Block, event.Hold, event.Note, event.Reject, event.Info}, f.Severity)
	return place{gravity, f.Indicator, f.Unit, f.Period.String(), f.Flag}
}

func (p place) compare(o place) int {
	return cmp.Or(cmp.Compare(p.Gravity, o.Gravity), strings.Compare(p.Indicator, o.Indicator), strings.Compare(p.Unit, o.Unit),
		strings.Compare(p.Period, o.Period), strings.Compare(p.Flag, o.Flag))
}

// statuses are those of a filter beside any.
func statuses() []string {
	var out []string
	for s := gate.Open; s <= gate.Corrected; s++ {
		out = append(out, s.String())
	}
	return out
}

func (h *Handler) list(w http.ResponseWriter, r *http.Request, who catalog.Person) *Problem {
	q := r.URL.Query()
	for name := range q {
		if !slices.Contains([]string{"status", "severity", "incident", "check", "indicator", "unit", "limit", "after"}, name) {
			return badRequest("compare it with GET "+PathOpenAPI, "there is no filter of that name")
		}
	}
	status := cmp.Or(q.Get("status"), gate.Open.String())
	if status != "any" && !slices.Contains(statuses(), status) {
		return badRequest("status is any, "+strings.Join(statuses(), ", "), "there is no such status")
	}
	limit := usualPage
	if text := q.Get("limit"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 || n > longestPage {
			return badRequest("limit is 1 to "+strconv.Itoa(longestPage), "the limit is none")
		}
		limit = n
	}
	var after place
	if text := q.Get("after"); text != "" {
		b, err := base64.RawURLEncoding.DecodeString(text)
		if err != nil || json.Unmarshal(b, &after) != nil {
			return badRequest("follow next of the page before", "after names no place")
		}
	}
	all, err := h.cfg.Reader.FlagsFor(r.Context(), who)
	if err != nil {
		return h.problemOf("list flags", err)
	}
	fits := func(filter, value string) bool { return q.Get(filter) == "" || q.Get(filter) == value }
	all = slices.DeleteFunc(all, func(f gate.Flag) bool {
		return !(status == "any" || status == f.Status.String()) || !fits("severity", string(f.Severity)) || !fits("incident", f.Incident) ||
			!fits("check", f.Check) || !fits("indicator", f.Indicator) || !fits("unit", f.Unit)
	})
	slices.SortFunc(all, func(a, b gate.Flag) int { return placeOf(a).compare(placeOf(b)) })
	page := Page{Flags: []Listed{}, All: len(all)}
	say := h.speak(w, r)
	for i, f := range all {
		if q.Get("after") != "" && placeOf(f).compare(after) <= 0 {
			continue
		}
		text, said := say(f.Text)
		page.Flags = append(page.Flags, Listed{Flag: f.Flag, FlagVersion: f.Version, Status: f.Status.String(), Severity: f.Severity, Check: f.Check,
			Incident: f.Incident, Indicator: f.Indicator, Unit: f.Unit, Stratum: f.Stratum, Period: f.Period, Text: text, Said: said, AsOf: f.AsOf,
			Proposed: len(f.Proposals) > 0, Assigned: f.Assigned, Waiting: f.Waiting(), Snoozed: f.Snoozed})
		if len(page.Flags) == limit && i+1 < len(all) {
			b, err := json.Marshal(placeOf(f))
			if err != nil {
				return h.problemOf("list flags", err)
			}
			q.Set("after", base64.RawURLEncoding.EncodeToString(b))
			page.Next = (&url.URL{Path: pathFlags, RawQuery: q.Encode()}).String()
			break
		}
	}
	return answer(w, page)
}

// mine is the flag of the request, if the person may read it.
func (h *Handler) mine(r *http.Request, who catalog.Person) (gate.Flag, *Problem) {
	f, err := h.cfg.Reader.FlagFor(r.Context(), who, r.PathValue("flag"))
	if hidden(err) {
		return f, noSuchFlag()
	}
	if err != nil {
		return f, h.problemOf("read a flag", err)
	}
	return f, nil
}

func (h *Handler) show(w http.ResponseWriter, r *http.Request, who catalog.Person) *Problem {
	f, p := h.mine(r, who)
	if p != nil {
		return p
	}
	// That she was shown it is in the ledger before she is.
	ctx, stop := working(r)
	defer stop()
	if err := h.cfg.Recorder.See(ctx, who, f.Flag, clientOf(r)); err != nil {
		return h.problemOf("record a viewing", err)
	}
	w.Header().Set("ETag", strconv.Quote(strconv.Itoa(f.Version)))
	out := flagOf(f)
	out.Text, out.Said = h.speak(w, r)(f.Text)
	return answer(w, out)
}
