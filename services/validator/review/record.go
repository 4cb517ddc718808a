package review

import (
	"errors"
	"net/http"
	"strings"
	"unicode"

	"larstrom/pipeline/catalog"
	"larstrom/pipeline/event"
	"larstrom/pipeline/gate"
	"larstrom/pipeline/learning"
)

// longestClient is how much is kept of what a program calls itself.
const longestClient = 120

// clientOf is the program by which a request came, as it calls itself: a decision
// keeps it. It is the program's word and proves nothing.
func clientOf(r *http.Request) string {
	name := strings.Map(func(c rune) rune {
		if unicode.IsPrint(c) {
			return c
		}
		return -1
	}, r.UserAgent())
	return strings.TrimSpace("HTTP " + strings.ToValidUTF8(name[:min(len(name), longestClient)], ""))
}

// queue is what the person is to decide first.
func (h *Handler) queue(w http.ResponseWriter, r *http.Request, who catalog.Person) *Problem {
	q, err := h.cfg.Recorder.QueueFor(r.Context(), who)
	if err != nil {
		return h.problemOf("read a queue", err)
	}
	return answer(w, q)
}

// Affirmation stands by what is shown of a unit.
type Affirmation struct {
	Unit string `json:"unit"`
	// Through is the last day of a quarter.
	Through catalog.Date `json:"through"`
	Note    string       `json:"note,omitempty"`
}

func (h *Handler) affirm(w http.ResponseWriter, r *http.Request, who catalog.Person) *Problem {
	var a Affirmation
	if p := body(w, r, maxBody, &a); p != nil {
		return p
	}
	ctx, stop := working(r)
	defer stop()
	done, err := h.cfg.Recorder.Affirm(ctx, who, event.UnitAffirmed{Unit: a.Unit, Through: a.Through, Note: a.Note, Client: clientOf(r)})
	if _, there := h.index.Unit(a.Unit); !there || errors.Is(err, gate.ErrForbidden) {
		return problem(http.StatusNotFound, "not-found", "There is no such unit that you may affirm", "", "compare it with the catalog; your roles name the units that you answer for")
	}
	if err != nil {
		return h.problemOf("affirm a unit", err)
	}
	return answer(w, done)
}

// Learned is what decisions teach about the checks, and what that suggests.
type Learned struct {
	Checks    []learning.Stat     `json:"checks"`
	Proposals []learning.Proposal `json:"proposals"`
}

func (h *Handler) learned(w http.ResponseWriter, r *http.Request, who catalog.Person) *Problem {
	stats, err := h.cfg.Auditor.LearnedFor(r.Context(), who)
	if err != nil {
		return h.problemOf("say what decisions teach", err)
	}
	return answer(w, Learned{list(stats), list(learning.Proposals(stats))})
}

// trail is an answer that is sent as it is made.
type trail struct {
	http.ResponseWriter
	begun bool
}

func (t *trail) Write(p []byte) (int, error) {
	if !t.begun {
		t.begun = true
		t.Header().Set("Content-Type", "application/jsonl")
	}
	return t.ResponseWriter.Write(p)
}

// audit sends the signed trail. One that breaks off has no signature, and the
// connection is closed over it.
func (h *Handler) audit(w http.ResponseWriter, r *http.Request, who catalog.Person) *Problem {
	out := &trail{ResponseWriter: w}
	err := h.cfg.Auditor.Audit(r.Context(), who, out)
	switch {
	case err == nil:
		return nil
	case !out.begun:
		return h.problemOf("write the audit trail", err)
	}
	h.cfg.Logger.Error("review: an audit trail broke off", "error", err.Error())
	panic(http.ErrAbortHandler)
}
