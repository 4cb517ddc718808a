package control

import (
	"errors"
	"net/http"

	"larstrom/pipeline/gate"
)

// Error is an answer of the API that refuses. Its text is that of the error
// which the process met, so that a command reports the same words either way.
type Error struct {
	// Status is the HTTP status.
	Status int `json:"-"`
	// Code names the kind for programs.
	Code    string `json:"code"`
	Message string `json:"message"`
}

// Error is the message.
func (e *Error) Error() string { return e.Message }

// Codes that are not the gate's.
const (
	codeUnauthorized = "unauthorized"
	codeForbidden    = "forbidden"
	codeInvalid      = "invalid"
	codeFailed       = "failed"
)

// Errors of Authenticate.
var (
	// ErrNoToken: a token is needed and none came, or the catalog has none.
	ErrNoToken = errors.New("a personal token is needed")
	// ErrWrongToken: the token is not that person's.
	ErrWrongToken = errors.New("the token is not that person's")
)

// errorOf gives err its status and code. The order matters: a conflict may
// wrap more than one of them.
func errorOf(err error) *Error {
	for _, c := range []struct {
		is     error
		status int
		code   string
	}{
		{ErrNoToken, http.StatusForbidden, "no_token"},
		{ErrWrongToken, http.StatusForbidden, "wrong_token"},
		{gate.ErrFourEyes, http.StatusForbidden, "four_eyes"},
		{gate.ErrForbidden, http.StatusForbidden, codeForbidden},
		{gate.ErrUnknownFlag, http.StatusNotFound, "unknown_flag"},
		{gate.ErrConflict, http.StatusConflict, "conflict"},
		{gate.ErrClosed, http.StatusConflict, "closed"},
		{gate.ErrTooLate, http.StatusConflict, "too_late"},
		{gate.ErrJudgeFirst, http.StatusConflict, "judge_first"},
		{gate.ErrCorrections, http.StatusBadRequest, "corrections"},
		{gate.ErrIntroduction, http.StatusBadRequest, "introduction"},
		{gate.ErrInvalid, http.StatusBadRequest, codeInvalid},
	} {
		if errors.Is(err, c.is) {
			return &Error{c.status, c.code, err.Error()}
		}
	}
	var e *Error
	if errors.As(err, &e) {
		return e
	}
	return &Error{http.StatusInternalServerError, codeFailed, err.Error()}
}
