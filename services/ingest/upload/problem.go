package upload

import (
	"encoding/json"
	"fmt"
	"net/http"
)

// Problem is an answer that refuses (RFC 9457): what, where, and what to do.
type Problem struct { //nolint:errname // the name that RFC 9457 and the published document have
	// Type is "urn:larstrom:upload:" and a word that programs may go by.
	Type   string `json:"type"`
	Title  string `json:"title"`
	Status int    `json:"status"`
	Detail string `json:"detail,omitempty"`
	// Hint is what the sender, or the operator, can do about it.
	Hint string `json:"hint,omitempty"`
}

// Error is the problem in one line.
func (p *Problem) Error() string {
	s := p.Title
	if p.Detail != "" {
		s += ": " + p.Detail
	}
	if p.Hint != "" {
		s += "; " + p.Hint
	}
	return s
}

// StatusChecksum is the status that tus gives a part whose checksum is wrong.
const StatusChecksum = 460

// The words of the problem types.
const (
	typeClear    = "clear-text"
	typeToken    = "token"
	typeFeed     = "feed"
	typeRequest  = "request"
	typeVersion  = "version"
	typeName     = "name"
	typeMissing  = "not-found"
	typeOffset   = "offset"
	typeLocked   = "locked"
	typeLarge    = "too-large"
	typeBusy     = "busy"
	typeStalled  = "stalled"
	typeChecksum = "checksum"
	typeStorage  = "storage"
	typeFailed   = "failed"
)

func problem(status int, kind, title, detail, hint string) *Problem {
	return &Problem{Type: "urn:larstrom:upload:" + kind, Title: title, Status: status, Detail: detail, Hint: hint}
}

func badRequest(hint, format string, args ...any) *Problem {
	return problem(http.StatusBadRequest, typeRequest, "The request cannot be read", fmt.Sprintf(format, args...), hint)
}

// refuse answers with the problem.
func refuse(w http.ResponseWriter, p *Problem) {
	w.Header().Set("Content-Type", "application/problem+json")
	w.Header().Set("Cache-Control", "no-store")
	b, err := json.Marshal(p)
	if err != nil {
		http.Error(w, p.Title, p.Status)
		return
	}
	w.WriteHeader(p.Status)
	_, _ = w.Write(append(b, '\n'))
}
