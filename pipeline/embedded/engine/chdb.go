package engine

import (
	"errors"
	"fmt"
	"runtime"
	"unsafe"

	"github.com/ebitengine/purego"
)

// library is libchdb, loaded. Its functions are safe for concurrent use on
// different connections.
type library struct {
	connect     func(argc int32, argv unsafe.Pointer) unsafe.Pointer
	closeConn   func(conn unsafe.Pointer)
	query       func(conn, sql unsafe.Pointer, n uintptr, format unsafe.Pointer, m uintptr, names, nameLens, values, valueLens unsafe.Pointer, count uintptr) unsafe.Pointer
	stream      func(conn, sql unsafe.Pointer, n uintptr, format unsafe.Pointer, m uintptr, names, nameLens, values, valueLens unsafe.Pointer, count uintptr) unsafe.Pointer
	fetch       func(conn, stream unsafe.Pointer) unsafe.Pointer
	cancel      func(conn, stream unsafe.Pointer)
	destroy     func(result unsafe.Pointer)
	buffer      func(result unsafe.Pointer) unsafe.Pointer
	length      func(result unsafe.Pointer) uintptr
	errorText   func(result unsafe.Pointer) unsafe.Pointer
	setHandlers func(enabled int32)
}

// loadLibrary loads libchdb. It is never unloaded: its threads go on.
func loadLibrary(name string) (*library, error) {
	handle, err := purego.Dlopen(name, purego.RTLD_NOW|purego.RTLD_LOCAL)
	if err != nil {
		return nil, fmt.Errorf("load %s: %w; fetch it again with `make engine`", name, err)
	}
	l := &library{}
	for _, f := range []struct {
		symbol string
		target any
	}{
		{"chdb_connect", &l.connect},
		{"chdb_close_conn", &l.closeConn},
		{"chdb_query_with_params_n", &l.query},
		{"chdb_stream_query_with_params_n", &l.stream},
		{"chdb_stream_fetch_result", &l.fetch},
		{"chdb_stream_cancel_query", &l.cancel},
		{"chdb_destroy_query_result", &l.destroy},
		{"chdb_result_buffer", &l.buffer},
		{"chdb_result_length", &l.length},
		{"chdb_result_error", &l.errorText},
		{"chdb_set_signal_handlers_enabled", &l.setHandlers},
	} {
		address, err := purego.Dlsym(handle, f.symbol)
		if err != nil {
			return nil, fmt.Errorf("load %s: no function %s; want version %s: %w", name, f.symbol, LibraryVersion, err)
		}
		purego.RegisterFunc(f.target, address)
	}
	// The Go runtime owns the handlers of SIGSEGV, SIGURG and others; the
	// library's would take them away.
	l.setHandlers(0)
	return l, nil
}

// dial opens a connection with these arguments. The first one of a process opens
// the data path; later ones take 160 µs.
func (l *library) dial(args []string) (*connection, error) {
	pointers := make([]unsafe.Pointer, len(args)+1)
	for i, a := range args {
		pointers[i] = unsafe.Pointer(unsafe.SliceData(append([]byte(a), 0)))
	}
	handle := l.connect(int32(len(args)), unsafe.Pointer(&pointers[0]))
	runtime.KeepAlive(pointers)
	if handle == nil {
		return nil, errors.New("libchdb refused the connection: the data path cannot be opened (see its message on standard error)")
	}
	return &connection{lib: l, handle: handle}, nil
}

// connection is one session with the engine. It is not safe for concurrent use,
// and its caller has locked the goroutine to its thread until every result is
// freed.
type connection struct {
	lib    *library
	handle unsafe.Pointer // to the pointer to the connection
}

func (c *connection) conn() unsafe.Pointer { return *(*unsafe.Pointer)(c.handle) }

func (c *connection) close() {
	if c.handle != nil {
		c.lib.closeConn(c.handle)
		c.handle = nil
	}
}

// parameter is a query parameter: {name:Type} in the query. The value is in the
// escaped form of TabSeparated, as HTTP clients send it.
type parameter struct{ name, value string }

// exec runs a query to its end and hands its whole result to use, which must not
// keep the bytes. use may be nil.
func (c *connection) exec(sql, format string, params []parameter, use func([]byte) error) error {
	r := c.call(c.lib.query, sql, format, params)
	if r == nil {
		return refuse(codeUnknownException, "UNKNOWN_EXCEPTION", "the engine returned no result")
	}
	defer c.lib.destroy(r)
	if err := c.errorOf(r); err != nil {
		return err
	}
	if use == nil {
		return nil
	}
	return use(c.bytes(r))
}

// pull runs a SELECT and hands its result to use piece by piece; each piece is a
// whole document in format. When use returns an error the query is cancelled and
// that error returned.
func (c *connection) pull(sql, format string, params []parameter, use func([]byte) error) error {
	s := c.call(c.lib.stream, sql, format, params)
	if s == nil {
		return refuse(codeUnknownException, "UNKNOWN_EXCEPTION", "the engine returned no result")
	}
	defer c.lib.destroy(s)
	if err := c.errorOf(s); err != nil {
		return err
	}
	for {
		more, err := c.piece(s, use)
		if err != nil || !more {
			return err
		}
	}
}

func (c *connection) piece(stream unsafe.Pointer, use func([]byte) error) (more bool, err error) {
	r := c.lib.fetch(c.conn(), stream)
	if r == nil {
		return false, refuse(codeUnknownException, "UNKNOWN_EXCEPTION", "the engine's result ended without an end")
	}
	defer c.lib.destroy(r)
	if err := c.errorOf(r); err != nil {
		return false, err
	}
	data := c.bytes(r)
	if len(data) == 0 {
		return false, nil
	}
	if err := use(data); err != nil {
		c.lib.cancel(c.conn(), stream)
		return false, err
	}
	return true, nil
}

type queryFunc = func(conn, sql unsafe.Pointer, n uintptr, format unsafe.Pointer, m uintptr, names, nameLens, values, valueLens unsafe.Pointer, count uintptr) unsafe.Pointer

func (c *connection) call(f queryFunc, sql, format string, params []parameter) unsafe.Pointer {
	q, qn := pointerTo(sql)
	fm, fn := pointerTo(format)
	names, nameLens := make([]unsafe.Pointer, len(params)+1), make([]uintptr, len(params)+1)
	values, valueLens := make([]unsafe.Pointer, len(params)+1), make([]uintptr, len(params)+1)
	for i, p := range params {
		names[i], nameLens[i] = pointerTo(p.name)
		values[i], valueLens[i] = pointerTo(p.value)
	}
	r := f(c.conn(), q, qn, fm, fn,
		unsafe.Pointer(&names[0]), unsafe.Pointer(&nameLens[0]), unsafe.Pointer(&values[0]), unsafe.Pointer(&valueLens[0]), uintptr(len(params)))
	runtime.KeepAlive(q)
	runtime.KeepAlive(fm)
	runtime.KeepAlive(names)
	runtime.KeepAlive(nameLens)
	runtime.KeepAlive(values)
	runtime.KeepAlive(valueLens)
	return r
}

// pointerTo copies s with a zero byte after it, on the Go heap, which does not
// move: the pointer is good for as long as it is kept.
func pointerTo(s string) (unsafe.Pointer, uintptr) {
	b := append([]byte(s), 0)
	return unsafe.Pointer(unsafe.SliceData(b)), uintptr(len(s))
}

func (c *connection) bytes(r unsafe.Pointer) []byte {
	n := c.lib.length(r)
	if n == 0 {
		return nil
	}
	return unsafe.Slice((*byte)(c.lib.buffer(r)), n)
}

func (c *connection) errorOf(r unsafe.Pointer) error {
	p := (*byte)(c.lib.errorText(r))
	if p == nil {
		return nil
	}
	n := 0
	for *(*byte)(unsafe.Add(unsafe.Pointer(p), n)) != 0 {
		n++
	}
	return engineException(string(unsafe.Slice(p, n)))
}
