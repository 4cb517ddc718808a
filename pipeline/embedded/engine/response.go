package engine

import (
	"compress/gzip"
	"compress/zlib"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/ClickHouse/ch-go/compress"
)

const (
	// holdBytes is what of a result is held back before the status is sent: an
	// exception that comes earlier is a clean HTTP 500.
	holdBytes = 128 << 10
	// stallTimeout ends a response whose client has stopped reading.
	stallTimeout = 10 * time.Minute
)

// response writes one result so that no client can take part of it for all of it.
type response struct {
	w         http.ResponseWriter
	control   *http.ResponseController
	header    http.Header
	tag       string
	held      []byte
	spill     *os.File // where the result is held with wait_end_of_query
	wait      bool
	encode    func(io.Writer) (io.WriteCloser, error)
	encoding  string
	frames    func(io.Writer) io.WriteCloser
	to        io.Writer // after commit
	closers   []io.Closer
	flushers  []interface{ Flush() error }
	raw       io.Writer // like to, without ClickHouse's own compression
	committed bool
}

func newResponse(w http.ResponseWriter) *response {
	out := &response{w: w, control: http.NewResponseController(w), header: w.Header(), tag: rand.Text()[:16]}
	out.header.Set("X-ClickHouse-Server-Display-Name", "larstrom")
	out.header.Set("X-ClickHouse-Timezone", "UTC")
	out.header.Set("X-ClickHouse-Exception-Tag", out.tag)
	return out
}

// negotiate settles how the result is compressed and whether it is held.
func (o *response) negotiate(r *http.Request, params url.Values) error {
	// Without chunks the end of the connection is the end of the result, and an
	// abort could not be told from it.
	o.wait = enabled(params.Get("wait_end_of_query")) || !r.ProtoAtLeast(1, 1)

	if httpCompression := params.Get("enable_http_compression"); httpCompression == "" || enabled(httpCompression) {
		level, err := strconv.Atoi(cmpOr(params.Get("http_zlib_compression_level"), "3"))
		if err != nil || level < 1 || level > 9 {
			return refuse(codeBadArguments, "BAD_ARGUMENTS", "http_zlib_compression_level must be between 1 and 9")
		}
		switch {
		case accepts(r, "gzip"):
			o.encoding = "gzip"
			o.encode = func(w io.Writer) (io.WriteCloser, error) { return gzip.NewWriterLevel(w, level) }
		case accepts(r, "deflate"):
			o.encoding = "deflate"
			o.encode = func(w io.Writer) (io.WriteCloser, error) { return zlib.NewWriterLevel(w, level) }
		}
	}
	if enabled(params.Get("compress")) {
		method, level := compress.LZ4, compress.Level(0)
		switch name := strings.ToUpper(cmpOr(params.Get("network_compression_method"), "LZ4")); name {
		case "LZ4":
		case "LZ4HC":
			method = compress.LZ4HC
		case "ZSTD":
			method = compress.ZSTD
			n, err := strconv.Atoi(cmpOr(params.Get("network_zstd_compression_level"), "1"))
			if err != nil || n < 1 || n > 22 {
				return refuse(codeBadArguments, "BAD_ARGUMENTS", "network_zstd_compression_level must be between 1 and 22")
			}
			level = compress.Level(n)
		case "NONE":
			method = compress.None
		default:
			return refuse(codeBadArguments, "BAD_ARGUMENTS", "network_compression_method %s is not supported; use LZ4, LZ4HC, ZSTD or NONE", name)
		}
		o.frames = func(w io.Writer) io.WriteCloser {
			return &frameWriter{w: w, codec: compress.NewWriter(level, method)}
		}
	}
	return nil
}

func accepts(r *http.Request, encoding string) bool {
	for _, line := range r.Header.Values("Accept-Encoding") {
		for item := range strings.SplitSeq(line, ",") {
			name, quality, _ := strings.Cut(strings.TrimSpace(item), ";")
			if strings.EqualFold(strings.TrimSpace(name), encoding) && strings.TrimSpace(quality) != "q=0" {
				return true
			}
		}
	}
	return false
}

func contentType(format string) string {
	switch strings.ToLower(format) {
	case "json", "jsoncompact", "jsonstrings", "jsoncompactstrings":
		return "application/json; charset=UTF-8"
	case "jsoneachrow":
		return "application/x-ndjson; charset=UTF-8"
	case "xml":
		return "application/xml; charset=UTF-8"
	case "csv":
		return "text/csv; charset=UTF-8; header=absent"
	case "csvwithnames", "csvwithnamesandtypes":
		return "text/csv; charset=UTF-8; header=present"
	case "tabseparated", "tsv", "tabseparatedwithnames", "tsvwithnames":
		return "text/tab-separated-values; charset=UTF-8"
	case "native", "rowbinary", "arrow", "arrowstream", "parquet", "orc":
		return "application/octet-stream"
	}
	return "text/plain; charset=UTF-8"
}

func (o *response) setFormat(format string) {
	o.header.Set("X-ClickHouse-Format", format)
	o.header.Set("Content-Type", contentType(format))
}

// Write takes part of the result.
func (o *response) Write(p []byte) (int, error) {
	if o.wait && o.spill != nil {
		return o.spill.Write(p)
	}
	if len(o.held)+len(p) <= holdBytes {
		o.held = append(o.held, p...)
		return len(p), nil
	}
	if o.wait {
		return o.startSpill(p)
	}
	if err := o.commit(-1); err != nil {
		return 0, err
	}
	if err := o.send(o.held); err != nil {
		return 0, err
	}
	o.held = o.held[:0]
	if len(p) < holdBytes/2 {
		o.held = append(o.held, p...)
		return len(p), nil
	}
	return len(p), o.send(p)
}

func (o *response) startSpill(p []byte) (int, error) {
	f, err := os.CreateTemp(spoolDir, "*.hold")
	if err != nil {
		return 0, refuse(codeUnknownException, "UNKNOWN_EXCEPTION", "cannot hold the result: %s", err)
	}
	_ = os.Remove(f.Name()) // ends with the descriptor
	o.spill = f
	if _, err := f.Write(o.held); err != nil {
		return 0, err
	}
	o.held = nil
	return f.Write(p)
}

func (o *response) send(p []byte) error {
	if len(p) == 0 {
		return nil
	}
	_ = o.control.SetWriteDeadline(time.Now().Add(stallTimeout))
	_, err := o.to.Write(p)
	return err
}

// commit sends the status. length is that of the whole body, or -1.
func (o *response) commit(length int) error {
	if o.committed {
		return nil
	}
	o.committed = true
	if o.header.Get("Content-Type") == "" {
		o.header.Set("Content-Type", "text/plain; charset=UTF-8")
	}
	o.to = o.w
	if length != 0 {
		if o.encode != nil {
			o.header.Set("Content-Encoding", o.encoding)
			o.header.Add("Vary", "Accept-Encoding")
			encoder, err := o.encode(o.w)
			if err != nil {
				return err
			}
			o.to = encoder
			o.closers = append(o.closers, encoder)
			if f, ok := encoder.(interface{ Flush() error }); ok {
				o.flushers = append(o.flushers, f)
			}
			length = -1
		}
		o.raw = o.to
		if o.frames != nil {
			framed := o.frames(o.to)
			o.to = framed
			o.closers = append([]io.Closer{framed}, o.closers...)
			length = -1
		}
	}
	if length >= 0 {
		o.header.Set("Content-Length", strconv.Itoa(length))
	}
	o.w.WriteHeader(http.StatusOK)
	return nil
}

// finish ends a complete result. A result whose last bytes cannot be sent is
// aborted: the client sees its connection break.
func (o *response) finish() {
	err := o.end()
	if o.spill != nil {
		_ = o.spill.Close()
	}
	if err != nil {
		panic(http.ErrAbortHandler)
	}
}

func (o *response) end() error {
	length := len(o.held)
	if o.spill != nil {
		length = -1
	}
	if err := o.commit(length); err != nil {
		return err
	}
	if o.spill != nil {
		if _, err := o.spill.Seek(0, io.SeekStart); err != nil {
			return err
		}
		if _, err := io.Copy(struct{ io.Writer }{o.to}, o.spill); err != nil {
			return err
		}
	}
	if err := o.send(o.held); err != nil {
		return err
	}
	for _, c := range o.closers {
		if err := c.Close(); err != nil {
			return err
		}
	}
	return nil
}

// fail answers with an exception instead of a result.
func (o *response) fail(status int, err error) {
	if o.spill != nil {
		_ = o.spill.Close()
	}
	e := asException(err)
	o.header.Set("Content-Type", "text/plain; charset=UTF-8")
	o.header.Set("X-ClickHouse-Exception-Code", strconv.Itoa(e.code))
	o.w.WriteHeader(status)
	_, _ = io.WriteString(o.w, e.text+"\n")
}

// abort tells of an exception in the middle of a result: the block that clients
// look for, then the end of the connection without the end of the body.
func (o *response) abort(err error) {
	e := asException(err)
	text := e.text
	if len(text) > 15<<10 { // clients look no further than 16 KiB
		text = text[:15<<10]
	}
	_ = o.control.SetWriteDeadline(time.Now().Add(stallTimeout))
	_ = o.send(o.held)
	if framed, ok := o.to.(*frameWriter); ok {
		_ = framed.Close()
	}
	_, _ = fmt.Fprintf(o.raw, "\r\n__exception__\r\n%s\r\n%s\n%d %s\r\n__exception__\r\n", o.tag, text, len(text)+1, o.tag)
	for _, f := range o.flushers {
		_ = f.Flush()
	}
	_ = o.control.Flush()
	panic(http.ErrAbortHandler)
}

func asException(err error) *exception {
	var e *exception
	if errors.As(err, &e) {
		return e
	}
	return refuse(codeNetworkError, "NETWORK_ERROR", "%s", err)
}

// frameWriter writes ClickHouse's own compressed frames.
type frameWriter struct {
	w     io.Writer
	codec *compress.Writer
	held  []byte
}

const frameBytes = 1 << 20

func (f *frameWriter) Write(p []byte) (int, error) {
	written := len(p)
	for len(p) > 0 {
		n := min(frameBytes-len(f.held), len(p))
		f.held = append(f.held, p[:n]...)
		p = p[n:]
		if len(f.held) == frameBytes {
			if err := f.Close(); err != nil {
				return 0, err
			}
		}
	}
	return written, nil
}

// Close writes the frame that was begun.
func (f *frameWriter) Close() error {
	if len(f.held) == 0 {
		return nil
	}
	err := f.codec.Compress(f.held)
	f.held = f.held[:0]
	if err != nil {
		return err
	}
	_, err = f.w.Write(f.codec.Data)
	return err
}
