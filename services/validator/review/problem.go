package review

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

	"larstrom/pipeline/catalog"
	"larstrom/pipeline/gate"
	"larstrom/pipeline/introduction"
)

// Problem is an answer that refuses (RFC 9457): what, where, and what to do.
type Problem struct {
	// Type is "urn:larstrom:review:" and a word that programs may go by.
	Type   string `json:"type"`
	Title  string `json:"title"`
	Status int    `json:"status"`
	Detail string `json:"detail,omitempty"`
	// Hint is what the person can do about it.
	Hint string `json:"hint,omitempty"`
	// Changed says who decided meanwhile; of the type conflict only.
	Changed *Changed `json:"changed,omitempty"`
}

// Changed is what has happened to a flag since it was read.
type Changed struct {
	// By is the id of the person; empty when no person did it.
	By   string       `json:"by,omitempty"`
	What string       `json:"what"`
	On   catalog.Date `json:"on"`
	// FlagVersion is the flag's version now.
	FlagVersion int `json:"flag_version"`
}

func problem(status int, kind, title, detail, hint string) *Problem {
	return &Problem{Type: "urn:larstrom:review:" + kind, Title: title, Status: status, Detail: detail, Hint: hint}
}

func badRequest(hint, format string, args ...any) *Problem {
	return problem(http.StatusBadRequest, "request", "The request cannot be read", fmt.Sprintf(format, args...), hint)
}

// noSuchFlag is the answer about a flag that is not there, and about one that
// the person may not read.
func noSuchFlag() *Problem {
	return problem(http.StatusNotFound, "not-found", "There is no such flag that you may read", "", "GET "+pathFlags+" lists those in your part of the organisation")
}

// noSuchPoint is the same of a point.
func noSuchPoint() *Problem {
	return problem(http.StatusNotFound, "not-found", "There is no such point that you may read", "", "compare indicator and unit with the catalog; your roles reach the units in them")
}

// problemOf says what an error means. A fault of ours is told to the operator,
// the person learns that it is not hers.
func (h *Handler) problemOf(what string, err error) *Problem {
	var conflict *gate.ConflictError
	if errors.As(err, &conflict) {
		p := problem(http.StatusPreconditionFailed, "conflict", "Somebody has decided meanwhile", err.Error(), "read the flag again, and decide on what it says now")
		p.Changed = &Changed{By: conflict.By, What: conflict.What, On: conflict.On, FlagVersion: conflict.Actual}
		return p
	}
	for _, c := range []struct {
		is          error
		status      int
		kind, title string
		hint        string
	}{
		{gate.ErrFourEyes, http.StatusConflict, "four-eyes", "Who proposes does not confirm", "let another steward confirm or refuse it"},
		{gate.ErrForbidden, http.StatusForbidden, "forbidden", "Your roles do not allow it", "ask a steward of that part of the organisation"},
		{gate.ErrJudgeFirst, http.StatusConflict, "judge-first", "Cause and evidence come before the effect", "record them with a decision of the kind judge, then look again"},
		{gate.ErrClosed, http.StatusConflict, "closed", "The flag is not open for that", "read what became of it; name its version in If-Match to overrule"},
		{gate.ErrTooLate, http.StatusConflict, "too-late", "A decision is taken back within a day", "reject or correct instead"},
		{gate.ErrCorrections, http.StatusUnprocessableEntity, "corrections", "This cannot take the place of what was delivered", "give revisions for exactly the cells that the flag guards"},
		{gate.ErrIntroduction, http.StatusUnprocessableEntity, "introduction", "The introduction protocol is incomplete", "add what the detail names"},
		{introduction.ErrRows, http.StatusUnprocessableEntity, "sample", "The sample cannot be drawn", "ask for fewer cases, or for other periods"},
		{gate.ErrInvalid, http.StatusUnprocessableEntity, "decision", "The command is incomplete or does not fit the flag", "add or change what the detail names"},
	} {
		if errors.Is(err, c.is) {
			return problem(c.status, c.kind, c.title, err.Error(), c.hint)
		}
	}
	if errors.Is(err, gate.ErrUnknownFlag) {
		return noSuchFlag()
	}
	h.cfg.Logger.Error("review: a fault of this side", "what", "cannot "+what, "error", err.Error())
	return problem(http.StatusInternalServerError, "failed", "The server could not do it", "",
		"try again: a command repeated has no second effect. If it lasts, ask the operator to look at the log lines")
}

func refuse(w http.ResponseWriter, p *Problem) {
	b, err := json.Marshal(p)
	if err != nil {
		http.Error(w, p.Title, p.Status)
		return
	}
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(p.Status)
	_, _ = w.Write(append(b, '\n'))
}
