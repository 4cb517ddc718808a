package engine

import (
	"bytes"
	"cmp"
	"compress/gzip"
	"compress/zlib"
	"context"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/ClickHouse/ch-go/compress"
	"github.com/google/uuid"
	"github.com/sourcegraph/conc"
	"golang.org/x/sys/unix"
)

// handler is ClickHouse's HTTP interface for one listener.
type handler struct {
	server   *server
	user     [32]byte // digests: see authenticate
	password [32]byte
	database string
	policy   Policy
	guard    *guard // nil: none
	role     string
	places   chan struct{} // a token for each request that runs or waits; nil: no bound
	running  chan struct{} // a token for each that runs
}

// newHandler serves the listener at this place of the child's configuration.
func newHandler(s *server, l Listener, place int) *handler {
	h := &handler{server: s, user: digest(l.User), password: digest(l.Password), database: l.Database, policy: l.Policy, guard: newGuard(l)}
	if h.guard != nil {
		h.role = roleOf(place)
	}
	if n := l.Policy.MaxConcurrent; n > 0 {
		h.places, h.running = make(chan struct{}, n+l.Policy.MaxWaiting), make(chan struct{}, n)
	}
	return h
}

func (h *handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch r.URL.Path {
	case "/ping", "/replicas_status":
		w.Header().Set("Content-Type", "text/plain; charset=UTF-8")
		_, _ = io.WriteString(w, "Ok.\n")
		return
	case "/", "":
	default:
		http.Error(w, "There is no handle "+r.URL.Path+"; send queries to /", http.StatusNotFound)
		return
	}
	switch r.Method {
	case http.MethodPost, http.MethodGet, http.MethodHead:
	default:
		w.Header().Set("Allow", "GET, HEAD, POST")
		http.Error(w, "Send queries with POST, or with GET when they only read", http.StatusMethodNotAllowed)
		return
	}
	out := newResponse(w)
	if status, err := h.authenticate(r); err != nil {
		if status == http.StatusUnauthorized {
			w.Header().Set("WWW-Authenticate", `Basic realm="ClickHouse server HTTP API"`)
		}
		out.fail(status, err)
		return
	}
	leave, err := h.enter(r.Context())
	if err != nil {
		w.Header().Set("Retry-After", "1")
		out.fail(http.StatusServiceUnavailable, err)
		return
	}
	defer leave()
	if h.policy.MaxRequest > 0 {
		r.Body = http.MaxBytesReader(w, r.Body, h.policy.MaxRequest)
	}
	err = h.query(r, out)
	switch {
	case err == nil:
		out.finish()
	case out.committed:
		out.abort(err)
	default:
		out.fail(cmp.Or(asException(err).status, http.StatusInternalServerError), err)
	}
}

// enter waits for the request's turn. It fails when too many wait already.
func (h *handler) enter(ctx context.Context) (leave func(), err error) {
	if h.places == nil {
		return func() {}, nil
	}
	select {
	case h.places <- struct{}{}:
	default:
		return nil, refuse(codeTooManyQueries, "TOO_MANY_SIMULTANEOUS_QUERIES", "Too many queries at once: %d run and %d wait; try again in a moment, or let dashboards refresh less often",
			h.policy.MaxConcurrent, h.policy.MaxWaiting)
	}
	select {
	case h.running <- struct{}{}:
		return func() { <-h.running; <-h.places }, nil
	case <-ctx.Done():
		<-h.places
		return nil, errCancelled()
	}
}

// authenticate compares name and secret in constant time, both of them always.
func (h *handler) authenticate(r *http.Request) (int, error) {
	params := r.URL.Query()
	user, password, found := r.BasicAuth()
	if name := r.Header.Get("X-ClickHouse-User"); name != "" {
		user, password, found = name, r.Header.Get("X-ClickHouse-Key"), true
	}
	if !found && (params.Has("user") || params.Has("password")) {
		user, password, found = params.Get("user"), params.Get("password"), true
	}
	u, p := digest(user), digest(password)
	if subtle.ConstantTimeCompare(u[:], h.user[:])&subtle.ConstantTimeCompare(p[:], h.password[:]) == 1 {
		return 0, nil
	}
	status := http.StatusForbidden
	if !found {
		status = http.StatusUnauthorized
	}
	return status, refuse(codeAuthentication, "AUTHENTICATION_FAILED", "Authentication failed: password is incorrect, or there is no user with such name")
}

// interfaceParam reports whether a parameter of a URL is for this interface and
// no setting.
func interfaceParam(name string) bool {
	switch name {
	case "query", "database", "default_format", "user", "password", "query_id", "quota_key", "compress", "decompress",
		"client_protocol_version", "buffer_size", "wait_end_of_query", "stacktrace", "close_session",
		"enable_http_compression", "http_zlib_compression_level", "network_compression_method", "network_zstd_compression_level":
		return true
	}
	return false
}

// query carries one request out. Its errors are exceptions.
func (h *handler) query(r *http.Request, out *response) error {
	if strings.HasPrefix(r.Header.Get("Content-Type"), "multipart/") {
		return refuse(codeNotImplemented, "NOT_IMPLEMENTED", "External tables (multipart requests) are not supported; insert the rows into a table, or pass them as a parameter")
	}
	params := r.URL.Query()
	q, err := h.requestQuery(r, params)
	if err != nil {
		return err
	}
	out.header.Set("X-ClickHouse-Query-Id", q.id)
	if err := out.negotiate(r, params); err != nil {
		return err
	}
	if h.policy.MaxRequest > 0 {
		// A body that never comes holds its place no longer than this.
		_ = out.control.SetReadDeadline(time.Now().Add(bodyTimeout))
	}
	body, err := requestBody(r, params)
	if err != nil {
		return err
	}
	if h.policy.MaxRequest > 0 {
		body = http.MaxBytesReader(nil, io.NopCloser(body), h.policy.MaxRequest)
	}
	st, data, err := readStatement(params.Get("query"), body)
	if err != nil {
		return err
	}
	if st.kind == emptyStatement {
		if r.Method != http.MethodPost {
			_, err := out.Write([]byte("Ok.\n"))
			return err
		}
		return refuse(codeSyntaxError, "SYNTAX_ERROR", "Syntax error: Empty query")
	}
	if h.policy.MaxRequest > 0 {
		_ = out.control.SetReadDeadline(time.Time{})
	}
	var more []setting
	if h.guard != nil {
		if st, more, err = h.guard.check(st); err != nil {
			return err
		}
	}
	if err := h.addSettings(&q, more); err != nil {
		return err
	}
	if h.policy.ReadOnly && namesHostFile(st.text) {
		// The engine's client writes such files before the server could refuse,
		// and a reader of this listener must not get past our lexer to it.
		return refuse(codeReadonly, "READONLY", "The words OUTFILE and INFILE are not allowed in read-only queries")
	}
	format := st.format
	if format == "" {
		format = params.Get("default_format")
	}
	if format == "" {
		format = r.Header.Get("X-ClickHouse-Format")
	}
	if format == "" {
		format = "TabSeparated"
	}
	if !identifier.MatchString(format) || h.guard != nil && !formatAllowed(format) {
		return refuse(codeUnknownFormat, "UNKNOWN_FORMAT", "Unknown format %q", format)
	}
	revision, err := strconv.ParseUint(cmpOr(params.Get("client_protocol_version"), "0"), 10, 32)
	if err != nil {
		return refuse(codeBadArguments, "BAD_ARGUMENTS", "client_protocol_version is not a number")
	}

	ctx := r.Context()
	switch st.kind {
	case insertData:
		if q.readonly > 0 {
			return refuse(codeReadonly, "READONLY", "Cannot execute query in readonly mode. For queries over HTTP, method GET implies readonly. You should use method POST for modifying queries")
		}
		return h.insert(ctx, q, st, data)
	case selectStatement:
		out.setFormat(format)
		if strings.EqualFold(format, "Native") {
			return h.selectNative(ctx, q, st, revision, out)
		}
		return h.selectFormatted(ctx, q, st, format, out)
	case killStatement:
		if q.readonly > 0 {
			// The engine would allow it: all listeners are one user to it.
			return refuse(codeReadonly, "READONLY", "Cannot execute KILL in readonly mode")
		}
		q.urgent = true
		text := st.withQueryIDs(clientQueryID)
		out.setFormat(format)
		if err := h.materialized(ctx, q, text, format, revision, out); err != nil {
			return err
		}
		// The engine ended what was running; a query that waits for a slot, or
		// that it had not listed yet, ends here.
		if st.killed != "" {
			h.server.active.cancel(st.killed)
		}
		return nil
	default:
		out.setFormat(format)
		return h.materialized(ctx, q, st.text, format, revision, out)
	}
}

// requestQuery reads what the URL and the headers say about a query.
func (h *handler) requestQuery(r *http.Request, params url.Values) (query, error) {
	q := query{id: params.Get("query_id"), database: cmpOr(params.Get("database"), r.Header.Get("X-ClickHouse-Database"), h.database)}
	if q.id == "" {
		q.id = uuid.NewString()
	}
	q.role = h.role
	if err := h.guard.checkDatabase(q.database); err != nil {
		return q, err
	}
	if len(q.id) > 256 || strings.ContainsFunc(q.id, func(c rune) bool { return c < ' ' }) {
		return q, refuse(codeBadArguments, "BAD_ARGUMENTS", "query_id is longer than 256 bytes or has control characters")
	}
	names := make([]string, 0, len(params))
	for name := range params {
		names = append(names, name)
	}
	slices.Sort(names) // the same request, the same statement
	for _, name := range names {
		value := params[name][len(params[name])-1]
		if rest, ok := strings.CutPrefix(name, "param_"); ok {
			if !identifier.MatchString(rest) {
				return q, refuse(codeBadArguments, "BAD_ARGUMENTS", "the name of a query parameter is not an identifier")
			}
			q.params = append(q.params, parameter{rest, value})
			continue
		}
		switch {
		case interfaceParam(name):
			continue
		case name == "session_id", name == "session_timeout", name == "session_check", name == "role":
			return q, refuse(codeNotImplemented, "NOT_IMPLEMENTED", "%s is not supported: every request is a session of its own", name)
		case !identifier.MatchString(name):
			return q, refuse(115, "UNKNOWN_SETTING", "Setting %q is neither a builtin setting nor a valid name", name)
		case slices.Contains(h.policy.IgnoreSettings, name):
			continue
		case h.policy.AllowSettings != nil && !slices.Contains(h.policy.settable(), name):
			return q, errSetting(name)
		case name == markerSetting:
			return q, refuse(codeConstraint, "SETTING_CONSTRAINT_VIOLATION", "Setting %s is used by the embedded engine itself", name)
		case name == "readonly":
			n, err := strconv.Atoi(value)
			if err != nil || n < 0 || n > 2 {
				return q, refuse(codeBadArguments, "BAD_ARGUMENTS", "readonly must be 0, 1 or 2")
			}
			q.readonly = n
			continue
		}
		q.settings = append(q.settings, setting{name, value})
	}
	if r.Method != http.MethodPost && q.readonly == 0 {
		q.readonly = 2
	}
	if h.policy.ReadOnly {
		q.readonly = 1
	}
	return q, nil
}

// addSettings puts more settings of the request and then those of the policy, so
// that the policy's have the last word.
func (h *handler) addSettings(q *query, more []setting) error {
	for _, s := range more {
		if !slices.Contains(h.policy.IgnoreSettings, s.name) {
			q.settings = append(q.settings, s)
		}
	}
	for i := range q.settings {
		s := &q.settings[i]
		if h.guard != nil && s.name == tableFilters {
			value, err := h.guard.filters(s.value)
			if err != nil {
				return err
			}
			s.value = value
		}
		most, limited := h.policy.Limits[s.name]
		if !limited {
			continue
		}
		// Some send fractions of a second.
		n, err := strconv.ParseFloat(s.value, 64)
		if err != nil || !(n >= 0) { // neither is NaN a number
			return refuse(codeBadArguments, "BAD_ARGUMENTS", "%s must be a number, at most %d", s.name, most)
		}
		if n == 0 || n > float64(most) {
			s.value = strconv.FormatUint(most, 10)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(h.policy.Limits)) {
		if !slices.ContainsFunc(q.settings, func(s setting) bool { return s.name == name }) {
			q.settings = append(q.settings, setting{name, strconv.FormatUint(h.policy.Limits[name], 10)})
		}
	}
	for _, name := range slices.Sorted(maps.Keys(h.policy.Settings)) {
		q.settings = append(q.settings, setting{name, h.policy.Settings[name]})
	}
	return nil
}

// bodyTimeout bounds the wait for a whole body where MaxRequest bounds its size.
const bodyTimeout = 30 * time.Second

// requestBody undoes the encodings of a body.
func requestBody(r *http.Request, params url.Values) (io.Reader, error) {
	var body io.Reader = r.Body
	var err error
	switch encoding := strings.ToLower(r.Header.Get("Content-Encoding")); encoding {
	case "", "identity":
	case "gzip":
		body, err = gzip.NewReader(body)
	case "deflate":
		body, err = zlib.NewReader(body)
	default:
		return nil, refuse(codeNotImplemented, "NOT_IMPLEMENTED", "Content-Encoding %q is not supported; use gzip or deflate", encoding)
	}
	if errors.Is(err, io.EOF) {
		return bytes.NewReader(nil), nil // no body at all
	}
	if err != nil {
		return nil, badBody(err)
	}
	if enabled(params.Get("decompress")) {
		source := &countingReader{r: body}
		body = &frameReader{source: source, frames: compress.NewReader(source)}
	}
	return body, nil
}

// frameReader reads ClickHouse's own compressed frames. The decoder says "end"
// for the end of the body wherever it comes; only between two frames is it one.
type frameReader struct {
	source *countingReader
	frames *compress.Reader
	whole  int64 // bytes of the source that belong to frames read whole
}

func (f *frameReader) Read(p []byte) (int, error) {
	n, err := f.frames.Read(p)
	switch {
	case err == nil:
		f.whole = f.source.n
	case errors.Is(err, io.EOF):
		if f.source.n == f.whole {
			return n, io.EOF
		}
		return n, io.ErrUnexpectedEOF
	}
	return n, err
}

type countingReader struct {
	r io.Reader
	n int64
}

func (c *countingReader) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += int64(n)
	return n, err
}

func badBody(err error) error {
	if large, ok := errors.AsType[*http.MaxBytesError](err); ok {
		e := refuse(codeTooLarge, "TOO_LARGE_STRING_SIZE", "The request is larger than %d bytes, the most that this listener takes", large.Limit)
		e.status = http.StatusRequestEntityTooLarge
		return e
	}
	return refuse(codeIncorrectData, "INCORRECT_DATA", "the body of the request cannot be read to its end (nothing of it was used): %s", err)
}

// readStatement reads the statement from the URL's query and the body, and
// returns the rows that follow it.
func readStatement(text string, body io.Reader) (statement, io.Reader, error) {
	if text != "" {
		text += "\n"
		// The usual insert: the statement in the URL, the rows in the body.
		if st, err := parse(text, false); err == nil && st.kind == insertData && st.format != "Values" {
			return st, io.MultiReader(strings.NewReader(text[st.dataAt:]), body), nil
		}
	}
	// What is small is read whole; what is large must be an insert whose data
	// mark comes early.
	prefix := []byte(text)
	for limit := len(prefix) + 64<<10; ; limit = maxQueryText {
		var err error
		if prefix, err = readUpTo(prefix, body, limit); err == nil {
			st, err := parse(string(prefix), true)
			if err == nil && st.kind == insertData {
				return st, bytes.NewReader(prefix[st.dataAt:]), nil
			}
			return st, nil, err
		}
		if !errors.Is(err, errMore) {
			return statement{}, nil, badBody(err)
		}
		st, err := parse(string(prefix), false)
		if err == nil {
			return st, io.MultiReader(bytes.NewReader(prefix[st.dataAt:]), body), nil
		}
		if len(prefix) >= maxQueryText {
			return st, nil, err
		}
	}
}

var errMore = errors.New("there is more")

// readUpTo reads on until limit bytes are there (errMore) or r ends (nil).
func readUpTo(b []byte, r io.Reader, limit int) ([]byte, error) {
	for len(b) < limit {
		if len(b) == cap(b) {
			b = append(b, 0)[:len(b)]
		}
		n, err := r.Read(b[len(b):min(cap(b), limit)])
		b = b[:len(b)+n]
		switch {
		case errors.Is(err, io.EOF):
			return b, nil
		case err != nil:
			return b, err
		}
	}
	return b, errMore
}

// namesHostFile errs on the side of yes: it looks at bytes, not at tokens.
func namesHostFile(text string) bool {
	upper := strings.ToUpper(text)
	return strings.Contains(upper, "OUTFILE") || strings.Contains(upper, "INFILE")
}

// insert stores the rows in data. They are spooled to a file before the engine
// sees any of them: a body that breaks off inserts nothing, and a slow one holds
// no slot.
func (h *handler) insert(ctx context.Context, q query, st statement, data io.Reader) error {
	name := h.server.spoolName(".in")
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return refuse(codeUnknownException, "UNKNOWN_EXCEPTION", "cannot spool the rows: %s", err)
	}
	defer func() { _ = os.Remove(name) }()
	// Without what either could do by itself, which is to take less at a time.
	_, err = io.CopyBuffer(struct{ io.Writer }{f}, struct{ io.Reader }{data}, make([]byte, 256<<10))
	if closeErr := f.Close(); err == nil {
		err = closeErr
	}
	if err != nil {
		return badBody(err)
	}
	err = h.server.run(ctx, q, func(c *connection) error {
		return c.exec(st.withInfile(name), "Null", q.params, nil)
	})
	var e *exception
	if errors.As(err, &e) {
		// Clients have no use for the name of the spool, which is gone.
		e.text = strings.ReplaceAll(e.text, "(in file/uri "+filepath.Join(h.server.path, name)+")", "(in the rows of the request)")
	}
	return err
}

// selectNative streams blocks as the engine makes them.
func (h *handler) selectNative(ctx context.Context, q query, st statement, revision uint64, out *response) error {
	return h.server.run(ctx, q, func(c *connection) error {
		blocks := newReframer(out, revision)
		if err := c.pull(st.text, "Native", q.params, blocks.write); err != nil || blocks.blocks > 0 {
			return err
		}
		// The engine writes nothing for no rows; clients want the columns.
		names, types := describe(c, st, q.params)
		if len(names) == 0 {
			return nil
		}
		return blocks.header(names, types)
	})
}

// describe returns the columns of a SELECT, or none where the engine cannot say.
func describe(c *connection, st statement, params []parameter) (names, types []string) {
	_ = c.exec("DESCRIBE TABLE ("+st.withoutFormat()+"\n)", "JSONEachRow", params, func(data []byte) error {
		for d := json.NewDecoder(bytes.NewReader(data)); d.More(); {
			var column struct{ Name, Type string }
			if err := d.Decode(&column); err != nil {
				return err
			}
			names, types = append(names, column.Name), append(types, column.Type)
		}
		return nil
	})
	return names, types
}

// selectFormatted has the engine write the result into a named pipe: the only way
// of the library in which a format is written once, not once for each block, and
// the result is never held whole.
func (h *handler) selectFormatted(ctx context.Context, q query, st statement, format string, out *response) error {
	name := h.server.spoolName(".out")
	if err := unix.Mkfifo(name, 0o600); err != nil {
		return refuse(codeUnknownException, "UNKNOWN_EXCEPTION", "cannot make a pipe for the result: %s", err)
	}
	defer func() { _ = os.Remove(name) }()
	// Our own writing end keeps the pipe from ending before the engine opens it,
	// which it never does when the query fails early.
	from, err := os.OpenFile(name, os.O_RDONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		return refuse(codeUnknownException, "UNKNOWN_EXCEPTION", "cannot open the pipe for the result: %s", err)
	}
	defer func() { _ = from.Close() }()
	hold, err := os.OpenFile(name, os.O_WRONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		return refuse(codeUnknownException, "UNKNOWN_EXCEPTION", "cannot open the pipe for the result: %s", err)
	}
	widenPipe(hold.Fd())

	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var copier conc.WaitGroup
	var copyErr error
	copier.Go(func() {
		if _, copyErr = io.CopyBuffer(struct{ io.Writer }{out}, struct{ io.Reader }{from}, make([]byte, 256<<10)); copyErr != nil {
			// The client is gone. End the query, and read on so that the engine
			// does not wait for room in the pipe meanwhile.
			cancel()
			_, _ = io.Copy(io.Discard, from)
		}
	})
	err = h.server.run(ctx, q, func(c *connection) error {
		return c.exec(st.withOutfile(name, format), format, q.params, nil)
	})
	_ = hold.Close()
	copier.Wait()
	if err == nil {
		err = copyErr
	}
	return err
}

// materialized runs a statement whose result is small.
func (h *handler) materialized(ctx context.Context, q query, text, format string, revision uint64, out *response) error {
	return h.server.run(ctx, q, func(c *connection) error {
		if strings.EqualFold(format, "Native") {
			return c.exec(text, "Native", q.params, newReframer(out, revision).write)
		}
		return c.exec(text, format, q.params, func(data []byte) error {
			_, err := out.Write(data)
			return err
		})
	})
}

func enabled(value string) bool { return value == "1" || strings.EqualFold(value, "true") }

func cmpOr(values ...string) string {
	for _, v := range values {
		if v != "" {
			return v
		}
	}
	return ""
}
