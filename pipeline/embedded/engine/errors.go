package engine

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

var (
	// ErrDown is returned by connections of Options and Open when the engine did
	// not come back within Config.DownTimeout.
	ErrDown = errors.New("the embedded engine is down")

	// ErrClosed is returned after Close.
	ErrClosed = errors.New("the embedded engine is closed")

	// ErrLocked says that another process has the data path.
	ErrLocked = errors.New("the data path is in use by another engine")

	// ErrNoLibrary says that libchdb was not found.
	ErrNoLibrary = errors.New("libchdb was not found; run `make engine` to fetch it, or set LARSTROM_LIBCHDB to its file name")
)

// ClickHouse's codes for what this package itself refuses, so that clients
// branch on them as they would with a server.
const (
	codeBadArguments     = 36
	codeNotImplemented   = 48
	codeSyntaxError      = 62
	codeUnknownFormat    = 73
	codeUnknownDatabase  = 81
	codeReadonly         = 164
	codeTooManyQueries   = 202
	codeSameQueryID      = 216
	codeCancelled        = 394
	codeConstraint       = 452
	codeAccessDenied     = 497
	codeAuthentication   = 516
	codeIncorrectData    = 117
	codeTooLarge         = 131
	codeNetworkError     = 210
	codeUnknownException = 1002
)

// exception is an error in the shape in which ClickHouse answers it.
type exception struct {
	code int
	text string // whole text, "Code: N. DB::Exception: …"
	// status is that of the HTTP answer; 0: 500, as ClickHouse answers.
	status int
}

func (e *exception) Error() string { return e.text }

// refuse builds the exception for something that this interface does not do, or
// does not let this client do.
func refuse(code int, name, format string, args ...any) *exception {
	return &exception{code: code, text: fmt.Sprintf("Code: %d. DB::Exception: %s. (%s)", code, fmt.Sprintf(format, args...), name)}
}

// engineException reads the code from the engine's own text. A nested rethrow
// ("Code: 27. DB::Exception: Code: 27. DB::Exception: …") is told once.
func engineException(text string) *exception {
	text = strings.TrimSpace(text)
	code := codeUnknownException
	if rest, ok := strings.CutPrefix(text, "Code: "); ok {
		digits, tail, _ := strings.Cut(rest, ".")
		if n, err := strconv.Atoi(digits); err == nil && n > 0 {
			code = n
			prefix := "Code: " + digits + ". DB::Exception: "
			if strings.HasPrefix("Code: "+digits+"."+tail, prefix+prefix) {
				text = strings.TrimPrefix(text, prefix)
			}
			return &exception{code: code, text: text}
		}
	}
	return &exception{code: code, text: fmt.Sprintf("Code: %d. DB::Exception: %s", code, text)}
}
