package upload_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"filippo.io/age"
	"github.com/sourcegraph/conc"
	"go.uber.org/goleak"

	"larstrom/pipeline/catalog"
	"larstrom/pipeline/intake"
	"larstrom/pipeline/intake/rawstore"
	"larstrom/schemas/openapi"
	"larstrom/schemas/openapi/judge"
	"larstrom/services/ingest/upload"
)

// TestMain lets the test binary be the server that is killed.
func TestMain(m *testing.M) {
	if len(os.Args) > 2 && os.Args[1] == "serve" {
		if err := serve(os.Args[2]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	id, err := age.GenerateX25519Identity()
	if err == nil {
		err = os.Setenv(identityEnv, id.String())
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	goleak.VerifyTestMain(m)
}

// The tokens of the feeds a and b.
const (
	tokenA = "token of feed a"
	tokenB = "token of feed b"
)

// identityEnv holds the key of files on their way in, so that a server that was
// killed and the next have the same.
const identityEnv = "UPLOAD_TEST_IDENTITY"

func sealer() *rawstore.Sealer {
	id, err := age.ParseX25519Identity(os.Getenv(identityEnv))
	if err != nil {
		panic(err)
	}
	return rawstore.NewSealer(id.Recipient(), id)
}

func sha(s string) string {
	h := sha256.Sum256([]byte(s))
	return hex.EncodeToString(h[:])
}

// twoFeeds is a catalog with the feeds a and b.
func twoFeeds() (*catalog.Catalog, error) {
	feed := func(id, token string) string {
		return fmt.Sprintf(`  - {id: %s, registry: reg, files: ["%s_*.csv"], delivery: snapshot, upload_tokens: [%s],
     columns: {unit: unit, unit_system: local, event_date: date}, limits: {bytes: 50000000},
     measures: [{indicator: visits, numerator: n}]}
`, id, id, sha(token))
	}
	return catalog.Load(fstest.MapFS{"c.yaml": {Data: []byte(`
region: {code: norr, name: Norr, time_zone: Europe/Stockholm}
registries: [{code: reg, name: Registry, country: SE}]
indicators: [{id: visits, registry: reg, name: Visits, type: count, class: process}]
units: [{id: u1, name: One, kind: clinic, codes: {local: "1"}}]
feeds:
` + feed("a", tokenA) + feed("b", tokenB))}})
}

// desk takes files as ingest does: a receipt for each, a note for bytes that
// came before. What begins with "bad" is rejected, "rows" has rejected rows.
type desk struct {
	mu     sync.Mutex
	folder string // keeps what was handed in; empty: only counted
	seen   map[string]intake.Receipt
	handed []string // names, in order
	calls  int
	fail   int           // how many calls fail first
	hold   chan struct{} // when set, a call waits for it
}

func (d *desk) Submit(_ context.Context, paths []string, again bool) ([]intake.Receipt, error) {
	if d.hold != nil {
		<-d.hold
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.calls++; d.calls <= d.fail {
		return nil, errors.New("the log is away")
	}
	var out []intake.Receipt
	for _, p := range paths {
		in, err := sealer().Open(p)
		if err != nil {
			return nil, err
		}
		b, err := io.ReadAll(in)
		if err := errors.Join(err, in.Close()); err != nil {
			return nil, err
		}
		raw, name := sha(string(b)), filepath.Base(p)
		d.handed = append(d.handed, name)
		r := intake.Receipt{Format: 1, Status: intake.StatusAccepted, Delivery: raw[:16], Feed: name[:1], File: name, Raw: raw, Lines: int64(bytes.Count(b, []byte("\n")))}
		switch first, ok := d.seen[raw]; {
		case ok && !again:
			r = first
			r.Status, r.File, r.Note = intake.StatusRepeated, name, "these bytes came before"
		case bytes.HasPrefix(b, []byte("bad")):
			r.Status = intake.StatusRejected
			r.Problems = []intake.ReceiptProblem{{Rule: "C03", Text: "no header"}}
		case bytes.HasPrefix(b, []byte("rows")):
			r.Rejected, r.RejectedRows = 1, "somewhere/on/this/machine.csv"
		}
		if _, ok := d.seen[raw]; !ok {
			d.seen[raw] = r
		}
		if m, err := os.ReadFile(intake.ManifestName(p)); err == nil {
			r.Note = "manifest " + string(m)
		}
		if d.folder != "" {
			if err := os.WriteFile(filepath.Join(d.folder, name), b, 0o600); err != nil {
				return nil, err
			}
		}
		out = append(out, r)
	}
	return out, nil
}

func (d *desk) Receipt(delivery string) (intake.Receipt, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, r := range d.seen {
		if r.Delivery == delivery {
			return r, nil
		}
	}
	return intake.Receipt{}, fs.ErrNotExist
}

func (d *desk) RejectedRows(string) (io.ReadCloser, error) {
	return io.NopCloser(strings.NewReader("unit,date,n,rule,column,hint\n9,2026-01-01,1,C07,unit,add it\n")), nil
}

func (d *desk) names() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return append([]string(nil), d.handed...)
}

// clock is a time that tests move.
type clock struct {
	mu sync.Mutex
	at time.Time
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) move(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

// place is a server over TLS and what is behind it.
type place struct {
	t       *testing.T
	dir     string
	desk    *desk
	clock   *clock
	log     *syncBuffer
	refused []string // names, as the handler tells of them
	h       *upload.Handler
	url     string
	http    *http.Client
	stop    func() // ends Run, and returns when it has
}

type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *syncBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *syncBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

func newPlace(t *testing.T, limits upload.Limits) *place {
	return placeIn(t, t.TempDir(), &desk{seen: map[string]intake.Receipt{}}, limits)
}

func placeIn(t *testing.T, dir string, d *desk, limits upload.Limits) *place {
	t.Helper()
	return placeWith(t, dir, d, limits, sealer())
}

func placeWith(t *testing.T, dir string, d *desk, limits upload.Limits, seal *rawstore.Sealer) *place {
	t.Helper()
	c, err := twoFeeds()
	if err != nil {
		t.Fatal(err)
	}
	p := &place{t: t, dir: dir, desk: d, clock: &clock{at: time.Date(2026, 3, 2, 3, 0, 0, 0, time.UTC)}, log: &syncBuffer{}}
	p.h, err = upload.New(upload.Config{Dir: dir, Catalog: c, Submitter: d, Receipts: d, Clock: p.clock.now,
		Logger: slog.New(slog.NewJSONHandler(p.log, nil)), Limits: limits, Seal: seal,
		RefusedName: func(_ context.Context, feed, shown string) error {
			p.refused = append(p.refused, feed+" "+shown)
			return nil
		}})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewTLSServer(p.h)
	ctx, cancel := context.WithCancel(t.Context())
	var run conc.WaitGroup
	run.Go(func() {
		if err := p.h.Run(ctx); err != nil {
			t.Error(err)
		}
	})
	p.stop = sync.OnceFunc(func() { cancel(); run.Wait() })
	p.url, p.http = server.URL, server.Client()
	p.http.Transport = judge.Transport(t, judge.Document(t, openapi.Upload()), p.http.Transport)
	t.Cleanup(func() { p.http.CloseIdleConnections(); server.Close(); p.stop() })
	return p
}

// answer is a response that was read.
type answer struct {
	*http.Response
	body string
}

func (a answer) problem(t *testing.T) upload.Problem {
	t.Helper()
	var p upload.Problem
	if err := json.Unmarshal([]byte(a.body), &p); err != nil {
		t.Fatalf("%s is no problem: %v", a.body, err)
	}
	return p
}

func (a answer) receipt(t *testing.T) intake.Receipt {
	t.Helper()
	var r intake.Receipt
	if err := json.Unmarshal([]byte(a.body), &r); err != nil {
		t.Fatalf("%s is no receipt: %v", a.body, err)
	}
	return r
}

// ask sends a request with the headers "Name: value".
func (p *place) ask(method, path, token string, body io.Reader, headers ...string) answer {
	p.t.Helper()
	a, err := p.try(method, path, token, body, headers...)
	if err != nil {
		p.t.Fatal(err)
	}
	return a
}

func (p *place) try(method, path, token string, body io.Reader, headers ...string) (answer, error) {
	req, err := http.NewRequestWithContext(p.t.Context(), method, p.url+path, body)
	if err != nil {
		return answer{}, err
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		req.Header.Set(name, value)
		if name == "Content-Length" {
			if req.ContentLength, err = strconv.ParseInt(value, 10, 64); err != nil {
				return answer{}, err
			}
		}
	}
	res, err := p.http.Do(req)
	if err != nil {
		return answer{}, err
	}
	b, err := io.ReadAll(res.Body)
	return answer{res, string(b)}, errors.Join(err, res.Body.Close())
}

const tus = "Tus-Resumable: 1.0.0"

func b64(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }

func digest(s string) string {
	h := sha256.Sum256([]byte(s))
	return "Upload-Checksum: sha256 " + base64.StdEncoding.EncodeToString(h[:])
}

// begin makes an upload and gives its path.
func (p *place) begin(name string, length int, more ...string) string {
	p.t.Helper()
	said := "filename " + b64(name)
	for _, m := range more {
		said += "," + m
	}
	a := p.ask("POST", "/v1/uploads", tokenA, nil, tus, "Upload-Length: "+strconv.Itoa(length), "Upload-Metadata: "+said)
	if a.StatusCode != http.StatusCreated {
		p.t.Fatalf("the upload is refused: %d %s", a.StatusCode, a.body)
	}
	return a.Header.Get("Location")
}

func (p *place) part(at string, offset int, body string, more ...string) answer {
	p.t.Helper()
	return p.ask("PATCH", at, tokenA, strings.NewReader(body),
		append([]string{tus, "Content-Type: application/offset+octet-stream", "Upload-Offset: " + strconv.Itoa(offset)}, more...)...)
}

func (p *place) offset(at string) int {
	p.t.Helper()
	a := p.ask("HEAD", at, tokenA, nil, tus)
	n, err := strconv.Atoi(a.Header.Get("Upload-Offset"))
	if err != nil {
		p.t.Fatalf("HEAD: %d %v", a.StatusCode, a.Header)
	}
	return n
}

// receiptOf waits for the receipt.
func (p *place) receiptOf(at string) intake.Receipt {
	p.t.Helper()
	a := p.ask("GET", at+"/receipt", tokenA, nil, "Prefer: wait=20")
	if a.StatusCode != http.StatusOK {
		p.t.Fatalf("no receipt: %d %s", a.StatusCode, a.body)
	}
	return a.receipt(p.t)
}

// serve is the server that is killed: it prints its address and serves on
// loopback until it dies.
func serve(dir string) error {
	c, err := twoFeeds()
	if err != nil {
		return err
	}
	d := &desk{seen: map[string]intake.Receipt{}, folder: filepath.Join(dir, "handed")}
	h, err := upload.New(upload.Config{Dir: filepath.Join(dir, "uploads"), Catalog: c, Submitter: d, Receipts: d, Clock: time.Now,
		Logger: slog.New(slog.DiscardHandler), Seal: sealer()})
	if err != nil {
		return err
	}
	l, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Println(l.Addr())
	var run conc.WaitGroup
	run.Go(func() { _ = h.Run(context.Background()) })
	return (&http.Server{Handler: h, ReadHeaderTimeout: time.Minute}).Serve(l)
}
