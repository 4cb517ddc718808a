package upload_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/sourcegraph/conc"
	"pgregory.net/rapid"

	"larstrom/pipeline/intake"
	"larstrom/services/ingest/upload"
)

// TestWholeFile: one request hands in a file and brings its receipt.
func TestWholeFile(t *testing.T) {
	p := newPlace(t, upload.Limits{})
	a := p.ask("PUT", "/v1/files/a_1.csv", tokenA, strings.NewReader("rows\n1\n"), digest("rows\n1\n"))
	r := a.receipt(t)
	if a.StatusCode != http.StatusOK || r.Status != intake.StatusAccepted || r.File != "a_1.csv" || r.Raw != sha("rows\n1\n") {
		t.Errorf("%d %+v", a.StatusCode, r)
	}
	if r.RejectedRows == "" || strings.Contains(a.body, "this/machine") {
		t.Errorf("the rejected rows are at %q", r.RejectedRows)
	}
	rows := p.ask("GET", r.RejectedRows, tokenA, nil)
	if rows.StatusCode != http.StatusOK || !strings.Contains(rows.body, "rule,column,hint") || rows.Header.Get("Content-Type") != "text/csv; charset=utf-8" {
		t.Errorf("rejected rows: %d %v %q", rows.StatusCode, rows.Header, rows.body)
	}
	if a := p.ask("GET", r.RejectedRows, tokenB, nil); a.StatusCode != http.StatusForbidden {
		t.Errorf("another feed reads the rejected rows: %d", a.StatusCode)
	}
	// The same bytes under another name are a note.
	a = p.ask("PUT", "/v1/files/a_2.csv", tokenA, strings.NewReader("rows\n1\n"))
	if r := a.receipt(t); a.StatusCode != http.StatusOK || r.Status != intake.StatusRepeated || r.Note == "" {
		t.Errorf("again: %d %+v", a.StatusCode, r)
	}
	a = p.ask("PUT", "/v1/files/a_3.csv", tokenA, strings.NewReader("bad\n"), "Accept: text/plain")
	if a.StatusCode != http.StatusUnprocessableEntity || !strings.HasPrefix(a.body, "a_3.csv: rejected") {
		t.Errorf("a rejected file: %d %s", a.StatusCode, a.body)
	}
	// Asked for again, the receipt of a rejected file is an answer as any.
	a = p.ask("GET", a.Header.Get("Location"), tokenA, nil, "Accept: text/plain")
	if a.StatusCode != http.StatusOK || !strings.Contains(a.body, "no header (C03)") {
		t.Errorf("its receipt: %d %s", a.StatusCode, a.body)
	}
	a = p.ask("PUT", "/v1/files/a_4.csv", tokenA, strings.NewReader("x\n"), "Upload-Metadata: manifest "+b64(`{"rows":1}`))
	if r := a.receipt(t); r.Note != `manifest {"rows":1}` {
		t.Errorf("the manifest did not come: %+v", r)
	}
	// A body of unknown length.
	a = p.ask("PUT", "/v1/files/a_5.csv", tokenA, io.MultiReader(strings.NewReader("y\n"), strings.NewReader("z\n")))
	if r := a.receipt(t); r.Raw != sha("y\nz\n") {
		t.Errorf("chunked: %d %+v", a.StatusCode, r)
	}
	if a := p.ask("PUT", "/v1/files/a_6.csv", tokenA, strings.NewReader("x\n"), digest("y\n")); a.StatusCode != 460 {
		t.Errorf("a wrong checksum: %d %s", a.StatusCode, a.body)
	}
	if got := p.desk.names(); !slices.Equal(got, []string{"a_1.csv", "a_2.csv", "a_3.csv", "a_4.csv", "a_5.csv"}) {
		t.Errorf("handed in: %v", got)
	}
	if log := p.log.String(); strings.Contains(log, tokenA) || strings.Contains(log, ".csv") {
		t.Errorf("the log lines tell too much: %s", log)
	}
	if a := p.ask("GET", "/v1/openapi/upload.yaml", "", nil); a.StatusCode != http.StatusOK || !strings.HasPrefix(a.body, "openapi: 3") {
		t.Errorf("the document: %d", a.StatusCode)
	}
}

// TestParts: parts that come one after the other are the file, and each kind of
// wrong part is refused without harm.
func TestParts(t *testing.T) {
	p := newPlace(t, upload.Limits{})
	const text = "unit,date,n\n1,2026-01-01,5\n"
	at := p.begin("a_1.csv", len(text), "sha256 "+b64(sha(text)))
	if a := p.ask("OPTIONS", "/v1/uploads", "", nil); a.StatusCode != http.StatusNoContent || a.Header.Get("Tus-Version") != "1.0.0" {
		t.Errorf("OPTIONS: %d %v", a.StatusCode, a.Header)
	}
	if a := p.ask("GET", at+"/receipt", tokenA, nil); a.StatusCode != http.StatusAccepted || !strings.Contains(a.body, `"receiving"`) {
		t.Errorf("a receipt before the file: %d %s", a.StatusCode, a.body)
	}
	if a := p.part(at, 0, text[:5], digest(text[:5])); a.StatusCode != http.StatusNoContent || a.Header.Get("Upload-Offset") != "5" {
		t.Fatalf("the first part: %d %v %s", a.StatusCode, a.Header, a.body)
	}
	for _, x := range []struct {
		what   string
		status int
		has    string
		a      answer
	}{
		{"an earlier offset", 409, "has come to 5", p.part(at, 3, text[3:])},
		{"a later offset", 409, "begins at byte 9", p.part(at, 9, text[9:])},
		{"a wrong checksum", 460, "SHA-256", p.part(at, 5, text[5:9], digest("else"))},
		{"no checksum", 400, "Upload-Checksum", p.part(at, 5, text[5:], "Upload-Checksum: md5 AAAA")},
		{"too much", 413, "27 bytes", p.part(at, 5, text[5:]+"more")},
		{"too much, of unknown length", 413, "27 bytes", p.ask("PATCH", at, tokenA, io.MultiReader(strings.NewReader(text)), tus, "Upload-Offset: 5", "Content-Type: application/offset+octet-stream")},
		{"another type", 415, "offset+octet-stream", p.ask("PATCH", at, tokenA, strings.NewReader(text[5:]), tus, "Upload-Offset: 5")},
		{"no version", 412, "Tus-Resumable", p.ask("PATCH", at, tokenA, strings.NewReader(text[5:]), "Upload-Offset: 5")},
		{"no offset", 400, "Upload-Offset", p.ask("PATCH", at, tokenA, strings.NewReader(text[5:]), tus, "Content-Type: application/offset+octet-stream")},
	} {
		if x.a.StatusCode != x.status || !strings.Contains(x.a.body, x.has) {
			t.Errorf("%s: %d %s, want %d %q", x.what, x.a.StatusCode, x.a.body, x.status, x.has)
		}
	}
	if got := p.offset(at); got != 5 {
		t.Fatalf("the offset is %d after parts that were refused", got)
	}
	if a := p.part(at, 5, text[5:]); a.StatusCode != http.StatusNoContent {
		t.Fatalf("the last part: %d %s", a.StatusCode, a.body)
	}
	if r := p.receiptOf(at); r.Status != intake.StatusAccepted || r.Raw != sha(text) {
		t.Errorf("%+v", r)
	}
	// The last part again, as after an answer that was lost.
	if a := p.part(at, len(text), ""); a.StatusCode != http.StatusNoContent {
		t.Errorf("an empty part at the end: %d %s", a.StatusCode, a.body)
	}
	p.until("the bytes are gone", func() bool {
		entries, err := filepath.Glob(filepath.Join(p.dir, "*", "in", "*"))
		return err == nil && len(entries) == 0
	})
	// An upload that is taken back is gone.
	back := p.begin("a_2.csv", 10)
	if a := p.ask("DELETE", back, tokenA, nil, tus); a.StatusCode != http.StatusNoContent {
		t.Errorf("DELETE: %d", a.StatusCode)
	}
	if a := p.ask("HEAD", back, tokenA, nil, tus); a.StatusCode != http.StatusNotFound {
		t.Errorf("HEAD after DELETE: %d", a.StatusCode)
	}
	// Bytes that are not the promised ones never become a file.
	wrong := p.begin("a_3.csv", 4, "sha256 "+b64(sha("else")))
	if a := p.part(wrong, 0, "text"); a.StatusCode != 460 {
		t.Errorf("a file of other bytes: %d %s", a.StatusCode, a.body)
	}
	if a := p.ask("GET", wrong+"/receipt", tokenA, nil); a.StatusCode != http.StatusNotFound {
		t.Errorf("its receipt: %d", a.StatusCode)
	}
	// An empty file is whole when it begins.
	if r := p.receiptOf(p.begin("a_4.csv", 0)); r.Raw != sha("") {
		t.Errorf("the empty file: %+v", r)
	}
	if got := p.desk.names(); !slices.Equal(got, []string{"a_1.csv", "a_4.csv"}) {
		t.Errorf("handed in: %v", got)
	}
}

// TestTokens: a token lets in files of its feed, over a line that is private.
func TestTokens(t *testing.T) {
	p := newPlace(t, upload.Limits{})
	at := p.begin("a_1.csv", 10)
	for _, x := range []struct {
		what, method, path, token string
		status                    int
	}{
		{"no token", "PUT", "/v1/files/a_1.csv", "", 401},
		{"a wrong token", "PUT", "/v1/files/a_1.csv", "token of feed c", 401},
		{"the hash of a token", "PUT", "/v1/files/a_1.csv", sha(tokenA), 401},
		{"another feed's token, by name", "PUT", "/v1/files/a_1.csv", tokenB, 403},
		{"another feed's token, in parts", "PATCH", at, tokenB, 403},
		{"another feed's token, looking", "HEAD", at, tokenB, 403},
		{"another feed's token, the receipt", "GET", at + "/receipt", tokenB, 403},
		{"another feed's token, taking back", "DELETE", at, tokenB, 403},
		{"no such upload", "GET", "/v1/uploads/AAAAAAAAAAAAAAAAAAAAAAAAAA/receipt", tokenA, 404},
		{"no upload's name", "GET", "/v1/uploads/..%2f..%2fx/receipt", tokenA, 404},
	} {
		a := p.ask(x.method, x.path, x.token, strings.NewReader("x"), tus, "Upload-Offset: 0", "Content-Type: application/offset+octet-stream")
		if a.StatusCode != x.status {
			t.Errorf("%s: %d %s, want %d", x.what, a.StatusCode, a.body, x.status)
		}
		if strings.Contains(a.body, tokenA) || strings.Contains(a.body, tokenB) {
			t.Errorf("%s: the answer tells a token: %s", x.what, a.body)
		}
	}
	if n := len(p.desk.names()); n > 0 {
		t.Errorf("%d files were handed in", n)
	}
}

// TestClearText: what came in clear text over a network is refused before its
// token is looked at.
func TestClearText(t *testing.T) {
	c, err := twoFeeds()
	if err != nil {
		t.Fatal(err)
	}
	d := &desk{seen: map[string]intake.Receipt{}}
	for _, x := range []struct {
		local  net.IP
		proxy  bool
		status int
	}{
		{net.IPv4(192, 0, 2, 1), false, 403},
		{net.IPv4(192, 0, 2, 1), true, 201},
		{net.IPv4(127, 0, 0, 1), false, 201},
		{net.IPv6loopback, false, 201},
		{nil, false, 403},
	} {
		h, err := upload.New(upload.Config{Dir: t.TempDir(), Catalog: c, Submitter: d, Receipts: d, Clock: time.Now,
			Logger: slog.New(slog.DiscardHandler), BehindProxy: x.proxy})
		if err != nil {
			t.Fatal(err)
		}
		ctx := t.Context()
		if x.local != nil {
			ctx = context.WithValue(ctx, http.LocalAddrContextKey, &net.TCPAddr{IP: x.local, Port: 80})
		}
		r := httptest.NewRequestWithContext(ctx, http.MethodPost, "/v1/uploads", nil)
		r.Header.Set("Authorization", "Bearer "+tokenA)
		r.Header.Set("Tus-Resumable", "1.0.0")
		r.Header.Set("Upload-Length", "5")
		r.Header.Set("Upload-Metadata", "filename "+b64("a_1.csv"))
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if w.Code != x.status {
			t.Errorf("to %v, behind a proxy %v: %d %s, want %d", x.local, x.proxy, w.Code, w.Body, x.status)
		}
		if w.Code == 403 && !strings.Contains(w.Body.String(), "--tls-cert") {
			t.Errorf("the refusal does not say what to do: %s", w.Body)
		}
	}
}

// TestNames: names that lead out of a folder, or to no file of the feed.
func TestNames(t *testing.T) {
	p := newPlace(t, upload.Limits{})
	for name, status := range map[string]int{
		"": 422, ".": 422, "..": 422, "../a_1.csv": 422, "/etc/a_1.csv": 422, `..\a_1.csv`: 422, "x/a_1.csv": 422, "a_1.csv\x00.csv": 422,
		"C:a_1.csv": 422, ".a_1.csv": 422, "a_\xff.csv": 422, "a_\n.csv": 422, "a_" + strings.Repeat("x", 300) + ".csv": 422,
		"a_1.csv.manifest.json": 422, "other.csv": 422, "a_1.csv ": 422, "a_19121212-1212.csv": 422, "b_1.csv": 403, "a_åäö.csv": 201,
	} {
		a := p.ask("POST", "/v1/uploads", tokenA, nil, tus, "Upload-Length: 1", "Upload-Metadata: filename "+b64(name))
		if a.StatusCode != status {
			t.Errorf("%q: %d %s, want %d", name, a.StatusCode, a.body, status)
		}
		if status == 422 && a.problem(t).Hint == "" {
			t.Errorf("%q: the refusal does not say what to do: %s", name, a.body)
		}
	}
	for _, path := range []string{"/v1/files/..%2f..%2fa_1.csv", "/v1/files/%2fetc%2fa_1.csv", "/v1/files/a%5c_1.csv"} {
		if a := p.ask("PUT", path, tokenA, strings.NewReader("x")); a.StatusCode != http.StatusUnprocessableEntity {
			t.Errorf("%s: %d %s", path, a.StatusCode, a.body)
		}
	}
	if !slices.Equal(p.refused, []string{"a x_dddddddd-dddd.xxx"}) {
		t.Errorf("told of refused names: %q", p.refused)
	}
	entries, err := os.ReadDir(p.dir)
	if err != nil || len(entries) != 1 {
		t.Errorf("the folder has %v, %v", entries, err)
	}
}

// TestBadRequests: what cannot be read is refused with a hint.
func TestBadRequests(t *testing.T) {
	p := newPlace(t, upload.Limits{FileBytes: 1000})
	name := "Upload-Metadata: filename " + b64("a_1.csv")
	for what, x := range map[string]struct {
		status  int
		headers []string
	}{
		"no length":         {400, []string{tus, name}},
		"a negative length": {400, []string{tus, name, "Upload-Length: -1"}},
		"no number":         {400, []string{tus, name, "Upload-Length: many"}},
		"too large":         {413, []string{tus, name, "Upload-Length: 1001"}},
		"no base64":         {400, []string{tus, "Upload-Metadata: filename a_1.csv", "Upload-Length: 1"}},
		"a word twice":      {400, []string{tus, name + ",filename " + b64("a_2.csv"), "Upload-Length: 1"}},
		"no hash":           {400, []string{tus, name + ",sha256 " + b64("abc"), "Upload-Length: 1"}},
		"no truth":          {400, []string{tus, name + ",again " + b64("perhaps"), "Upload-Length: 1"}},
		"a large manifest":  {400, []string{tus, name + ",manifest " + b64(strings.Repeat("x", 25<<10)), "Upload-Length: 1"}},
		"a later protocol":  {412, []string{"Tus-Resumable: 2.0.0", name, "Upload-Length: 1"}},
	} {
		if a := p.ask("POST", "/v1/uploads", tokenA, nil, x.headers...); a.StatusCode != x.status || a.problem(t).Hint == "" {
			t.Errorf("%s: %d %s, want %d and a hint", what, a.StatusCode, a.body, x.status)
		}
	}
	big := strings.Repeat("x", 2000)
	if a := p.ask("PUT", "/v1/files/a_1.csv", tokenA, strings.NewReader(big)); a.StatusCode != http.StatusRequestEntityTooLarge {
		t.Errorf("a large file: %d", a.StatusCode)
	}
	if a := p.ask("PUT", "/v1/files/a_1.csv", tokenA, io.MultiReader(strings.NewReader(big))); a.StatusCode != http.StatusRequestEntityTooLarge {
		t.Errorf("a large file of unknown length: %d", a.StatusCode)
	}
	if entries, err := os.ReadDir(p.dir); err != nil || len(entries) > 0 {
		t.Errorf("something was stored: %v %v", entries, err)
	}
	if a := p.ask("GET", "/v1/elsewhere", tokenA, nil); a.StatusCode != http.StatusNotFound || a.problem(t).Hint == "" {
		t.Errorf("another page: %d %s", a.StatusCode, a.body)
	}
}

// broken is a body that ends with an error after its text.
type broken struct{ r io.Reader }

func (b broken) Read(p []byte) (int, error) {
	n, err := b.r.Read(p)
	if err == io.EOF {
		err = errors.New("the line broke")
	}
	return n, err
}

// TestBrokenLines: whatever breaks, in whatever order, what comes together in
// the end is the file, and an offset that was told never falls.
func TestBrokenLines(t *testing.T) {
	p := newPlace(t, upload.Limits{Requests: 1000, FeedRequests: 1000, Unfinished: 1000})
	n := 0
	rapid.Check(t, func(t *rapid.T) {
		size := rapid.IntRange(0, 300_000).Draw(t, "size")
		seed := rapid.Uint64().Draw(t, "seed")
		text := randomText(size, seed)
		n++
		at := p.begin(fmt.Sprintf("a_%d.csv", n), size, "sha256 "+b64(sha(text)))
		told, furthest := 0, 0
		for parts := 0; told < size; parts++ {
			ends := size
			if parts < 3 {
				ends = rapid.IntRange(told, size).Draw(t, "end")
			}
			furthest = max(furthest, ends)
			headers := []string{tus, "Content-Type: application/offset+octet-stream", "Upload-Offset: " + strconv.Itoa(told)}
			if rapid.Bool().Draw(t, "checksum") {
				headers = append(headers, digest(text[told:ends]))
			}
			var body io.Reader = strings.NewReader(text[told:ends])
			breaks := parts < 3 && rapid.IntRange(0, 2).Draw(t, "breaks") == 0
			if breaks {
				cut := rapid.IntRange(told, ends).Draw(t, "cut")
				body = broken{strings.NewReader(text[told:cut])}
				headers = append(headers, "Content-Length: "+strconv.Itoa(ends-told+1))
				if ends-told+1 > size-told {
					headers = headers[:len(headers)-1]
				}
			}
			a, err := p.try("PATCH", at, tokenA, body, headers...)
			if err != nil && !breaks {
				t.Fatal(err)
			}
			if err == nil && a.StatusCode == http.StatusNoContent {
				if told = ends; a.Header.Get("Upload-Offset") != strconv.Itoa(ends) {
					t.Fatalf("the offset is %s, want %d", a.Header.Get("Upload-Offset"), ends)
				}
				continue
			}
			// The server may still be storing what it had of a broken part.
			now := p.settled(at)
			if now < told || now > furthest {
				t.Fatalf("the offset is %d after a part from %d to %d that broke", now, told, ends)
			}
			told = now
		}
		if r := p.receiptOf(at); r.Raw != sha(text) {
			t.Fatalf("the file is another: %+v", r)
		}
	})
}

// settled is the offset when nobody is writing to the upload any more.
func (p *place) settled(at string) int {
	deadline := time.After(10 * time.Second)
	for {
		n := p.offset(at)
		a := p.part(at, n, "")
		switch a.StatusCode {
		case http.StatusNoContent:
			return n
		case http.StatusLocked, http.StatusConflict:
		default:
			p.t.Fatalf("an empty part: %d %s", a.StatusCode, a.body)
		}
		select {
		case <-deadline:
			p.t.Fatal("the upload stays locked")
		default:
		}
	}
}

func randomText(size int, seed uint64) string {
	r := rand.New(rand.NewPCG(seed, 1))
	b := make([]byte, size)
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	return string(b)
}

// TestKilled: kill -9 at random places; what was acknowledged is there when the
// server is back, and the file that comes together is the sender's.
func TestKilled(t *testing.T) {
	const size = 40 << 20
	text := randomText(size, 7)
	dir := t.TempDir()
	for _, d := range []string{"uploads", "handed"} {
		if err := os.Mkdir(filepath.Join(dir, d), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	p := &place{t: t, http: &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}}
	kill := p.child(dir)
	at := p.begin("a_1.csv", size, "sha256 "+b64(sha(text)))
	r := rand.New(rand.NewPCG(3, 1))
	acknowledged, kills, kept := 0, 0, 0
	for acknowledged < size {
		body := &killing{r: strings.NewReader(text[acknowledged:]), at: -1}
		if kills < 6 {
			body.at, body.kill = r.IntN(size-acknowledged), kill
		}
		a, err := p.try("PATCH", at, tokenA, body, tus, "Content-Type: application/offset+octet-stream",
			"Upload-Offset: "+strconv.Itoa(acknowledged), "Content-Length: "+strconv.Itoa(size-acknowledged))
		if err == nil {
			if a.StatusCode != http.StatusNoContent {
				t.Fatalf("%d %s", a.StatusCode, a.body)
			}
			break
		}
		if kills++; body.at < 0 {
			t.Fatal(err)
		}
		kill = p.child(dir)
		now := p.offset(at)
		if now < acknowledged {
			t.Fatalf("kill %d: the offset was %d and is %d", kills, acknowledged, now)
		}
		if now > acknowledged {
			kept++
		}
		acknowledged = now
	}
	if kept == 0 {
		t.Error("nothing of a part outlived a kill: the test tells nothing")
	}
	if r := p.receiptOf(at); r.Raw != sha(text) {
		t.Errorf("the file is another: %+v", r)
	}
	kill()
	if got, err := os.ReadFile(filepath.Join(dir, "handed", "a_1.csv")); err != nil || !bytes.Equal(got, []byte(text)) {
		t.Errorf("what was handed in is not what was sent: %v", err)
	}
	t.Logf("%d kills, after %d of which a part of what was being sent was there", kills, kept)
}

// killing is a body that kills the server when so much of it was read.
type killing struct {
	r    io.Reader
	at   int
	read int
	kill func()
}

func (k *killing) Read(p []byte) (int, error) {
	n, err := k.r.Read(p[:min(len(p), 32<<10)])
	if k.read += n; k.at >= 0 && k.read > k.at && k.kill != nil {
		k.kill()
		k.kill = nil
	}
	return n, err
}

// child starts the server and gives what kills it.
func (p *place) child(dir string) (kill func()) {
	p.t.Helper()
	exe, err := os.Executable()
	if err != nil {
		p.t.Fatal(err)
	}
	cmd := exec.CommandContext(context.WithoutCancel(p.t.Context()), exe, "serve", dir)
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		p.t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		p.t.Fatal(err)
	}
	p.url = "http://" + strings.TrimSpace(line)
	dead := false
	kill = func() {
		if !dead {
			dead = true
			_ = cmd.Process.Signal(syscall.SIGKILL)
			_ = cmd.Wait()
		}
	}
	p.t.Cleanup(kill)
	return kill
}

// TestSlowSender: a sender that stalls loses its connection, not its bytes.
func TestSlowSender(t *testing.T) {
	p := newPlace(t, upload.Limits{Stall: 100 * time.Millisecond})
	at := p.begin("a_1.csv", 1000)
	in, out := io.Pipe()
	var sender conc.WaitGroup
	sender.Go(func() { _, _ = out.Write([]byte("slowly")) })
	a := p.ask("PATCH", at, tokenA, in, tus, "Content-Type: application/offset+octet-stream", "Upload-Offset: 0", "Content-Length: 1000")
	sender.Wait()
	_ = out.Close()
	if a.StatusCode != http.StatusRequestTimeout || !strings.Contains(a.body, "HEAD") {
		t.Errorf("%d %s", a.StatusCode, a.body)
	}
	if n := p.settled(at); n != 6 {
		t.Errorf("the offset is %d, want 6", n)
	}
}

// TestNothingLiesInClear: of an upload no byte is on the disk as it came, at any
// of its steps, and whoever takes it reads what was sent. Without a key it lies
// as it came, and so does one that had begun before there was a key.
func TestNothingLiesInClear(t *testing.T) {
	const text = "19121212-1212;2026-01-01;5\n"
	d := &desk{seen: map[string]intake.Receipt{}, hold: make(chan struct{})}
	p := placeIn(t, t.TempDir(), d, upload.Limits{})
	lies := func() (found int) {
		err := filepath.WalkDir(p.dir, func(path string, e fs.DirEntry, err error) error {
			if err != nil || e.IsDir() {
				return err
			}
			b, err := os.ReadFile(path)
			if bytes.Contains(b, []byte("19121212")) {
				found++
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		return found
	}
	at := p.begin("a_1.csv", 2*len(text))
	if a := p.part(at, 0, text); a.StatusCode != http.StatusNoContent || lies() != 0 {
		t.Fatalf("the first part: %d, %d files in clear", a.StatusCode, lies())
	}
	if a := p.part(at, len(text), text); a.StatusCode != http.StatusNoContent || lies() != 0 {
		t.Fatalf("the last part: %d, %d files in clear", a.StatusCode, lies())
	}
	d.hold <- struct{}{} // it is being handed in
	if r := p.receiptOf(at); r.Status != intake.StatusAccepted || r.Raw != sha(text+text) || lies() != 0 {
		t.Errorf("%+v, %d files in clear", r, lies())
	}
	close(d.hold)
	before := placeWith(t, p.dir, d, upload.Limits{}, nil)
	at = before.begin("a_2.csv", 2*len(text))
	if a := before.part(at, 0, text); a.StatusCode != http.StatusNoContent || lies() != 1 {
		t.Errorf("without a key: %d, %d files in clear", a.StatusCode, lies())
	}
	if a := p.part(at, len(text), text); a.StatusCode != http.StatusNoContent {
		t.Errorf("on with a key: %d %s", a.StatusCode, a.body)
	}
	if r := p.receiptOf(at); r.Raw != sha(text+text) || lies() != 0 {
		t.Errorf("begun in clear: %+v, %d files left", r, lies())
	}
}

// TestOneAtATime: one request writes to an upload at a time, and a feed reads no
// more bodies at a time than it may.
func TestOneAtATime(t *testing.T) {
	p := newPlace(t, upload.Limits{FeedRequests: 2, Unfinished: 3})
	begins := strings.Repeat("x", 64<<10) // what is written to the disk at once
	size := len(begins) + 6
	first, second, third := p.begin("a_1.csv", size), p.begin("a_2.csv", size), p.begin("a_3.csv", size)
	if a := p.ask("POST", "/v1/uploads", tokenA, nil, tus, "Upload-Length: 1", "Upload-Metadata: filename "+b64("a_4.csv")); a.StatusCode != http.StatusTooManyRequests {
		t.Errorf("a fourth upload: %d %s", a.StatusCode, a.body)
	}
	hold := func(at string) (finish func() answer) {
		in, out := io.Pipe()
		done := make(chan answer, 1)
		var sender conc.WaitGroup
		sender.Go(func() {
			a, err := p.try("PATCH", at, tokenA, in, tus, "Content-Type: application/offset+octet-stream", "Upload-Offset: 0", "Content-Length: "+strconv.Itoa(size))
			if err != nil {
				t.Error(err)
			}
			done <- a
		})
		if _, err := out.Write([]byte(begins)); err != nil {
			t.Fatal(err)
		}
		p.until("the beginning is written", func() bool {
			info, err := os.Stat(filepath.Join(p.dir, filepath.Base(at), "bytes"))
			return err == nil && info.Size() >= int64(len(begins)) // and what seals it
		})
		return func() answer {
			if _, err := out.Write([]byte("second")); err != nil {
				t.Error(err)
			}
			_ = out.Close()
			sender.Wait()
			return <-done
		}
	}
	one := hold(first)
	if a := p.part(first, 0, ""); a.StatusCode != http.StatusLocked {
		t.Errorf("a second writer: %d %s", a.StatusCode, a.body)
	}
	if a := p.ask("DELETE", first, tokenA, nil, tus); a.StatusCode != http.StatusLocked {
		t.Errorf("taken back while somebody writes: %d", a.StatusCode)
	}
	two := hold(second)
	if a := p.part(third, 0, ""); a.StatusCode != http.StatusTooManyRequests {
		t.Errorf("a third body: %d %s", a.StatusCode, a.body)
	}
	if a := p.ask("PUT", "/v1/files/a_9.csv", tokenA, strings.NewReader("x")); a.StatusCode != http.StatusTooManyRequests {
		t.Errorf("a whole file: %d", a.StatusCode)
	}
	if a := p.ask("PUT", "/v1/files/b_9.csv", tokenB, strings.NewReader("of another feed")); a.StatusCode != http.StatusOK {
		t.Errorf("a file of another feed: %d %s", a.StatusCode, a.body)
	}
	for _, finish := range []func() answer{one, two} {
		if a := finish(); a.StatusCode != http.StatusNoContent {
			t.Errorf("%d %s", a.StatusCode, a.body)
		}
	}
	if r := p.receiptOf(first); r.Raw != sha(begins+"second") {
		t.Errorf("%+v", r)
	}
	if a := p.part(third, 0, "third"); a.StatusCode != http.StatusNoContent {
		t.Errorf("afterwards: %d", a.StatusCode)
	}
}

// until polls with a deadline.
func (p *place) until(what string, ok func() bool) {
	p.t.Helper()
	deadline := time.After(10 * time.Second)
	for !ok() {
		select {
		case <-deadline:
			p.t.Fatalf("%s: never", what)
		default:
		}
	}
}

// TestExpiry: unfinished uploads and old receipts go, the rest stays.
func TestExpiry(t *testing.T) {
	dir, d := t.TempDir(), &desk{seen: map[string]intake.Receipt{}}
	limits := upload.Limits{Unsent: time.Hour, Kept: 10 * time.Hour}
	p := placeIn(t, dir, d, limits)
	old := p.begin("a_1.csv", 10)
	done := p.begin("a_2.csv", 0)
	p.receiptOf(done)
	p.stop()
	later := func(after time.Duration, want map[string]int) {
		t.Helper()
		q := placeIn(t, dir, d, limits)
		q.clock.move(after)
		q.stop() // before it could look
		q = placeAt(t, dir, d, limits, q.clock)
		for path, status := range want {
			q.until(fmt.Sprintf("%s is %d after %v", path, status, after), func() bool { return q.ask("HEAD", path, tokenA, nil, tus).StatusCode == status })
		}
		q.stop()
	}
	later(30*time.Minute, map[string]int{old: 200, done: 200})
	later(2*time.Hour, map[string]int{old: 404, done: 200})
	later(11*time.Hour, map[string]int{done: 404})
}

// placeAt is placeIn with a clock.
func placeAt(t *testing.T, dir string, d *desk, limits upload.Limits, at *clock) *place {
	t.Helper()
	c, err := twoFeeds()
	if err != nil {
		t.Fatal(err)
	}
	h, err := upload.New(upload.Config{Dir: dir, Catalog: c, Submitter: d, Receipts: d, Clock: at.now, Logger: slog.New(slog.DiscardHandler), Limits: limits})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewTLSServer(h)
	ctx, cancel := context.WithCancel(t.Context())
	var run conc.WaitGroup
	run.Go(func() { _ = h.Run(ctx) })
	p := &place{t: t, dir: dir, desk: d, clock: at, h: h, url: server.URL, http: server.Client()}
	p.stop = func() { cancel(); run.Wait(); p.http.CloseIdleConnections(); server.Close() }
	return p
}

// TestHandedInUntilThereIsAReceipt: a log that is away, a crash between the
// acceptance and the answer: the sender gets the receipt of the acceptance.
func TestHandedInUntilThereIsAReceipt(t *testing.T) {
	dir, d := t.TempDir(), &desk{seen: map[string]intake.Receipt{}, fail: 1}
	p := placeIn(t, dir, d, upload.Limits{})
	at := p.begin("a_1.csv", 4)
	p.part(at, 0, "text")
	p.until("the first try fails", func() bool { return strings.Contains(p.log.String(), "the log is away") })
	if a := p.ask("GET", at+"/receipt", tokenA, nil); a.StatusCode != http.StatusAccepted || !strings.Contains(a.body, "handing_in") {
		t.Errorf("meanwhile: %d %s", a.StatusCode, a.body)
	}
	if a := p.ask("DELETE", at, tokenA, nil, tus); a.StatusCode != http.StatusConflict {
		t.Errorf("taken back while it is handed in: %d", a.StatusCode)
	}
	p.stop()
	// The crash: the file was accepted, and nobody was told.
	raw := sha("text")
	d.seen[raw] = intake.Receipt{Format: 1, Status: intake.StatusAccepted, Delivery: raw[:16], Feed: "a", File: "a_1.csv", Raw: raw, Lines: 77}
	q := placeIn(t, dir, d, upload.Limits{})
	if r := q.receiptOf(at); r.Status != intake.StatusAccepted || r.Lines != 77 {
		t.Errorf("after the crash: %+v", r)
	}
}

// TestTogether: what is whole together is handed in together, and a file that
// cannot be handed in keeps no other back.
func TestTogether(t *testing.T) {
	d := &desk{seen: map[string]intake.Receipt{}, hold: make(chan struct{})}
	p := placeIn(t, t.TempDir(), d, upload.Limits{})
	var paths []string
	for i := range 4 {
		at := p.begin(fmt.Sprintf("a_%d.csv", i), 1)
		p.part(at, 0, strconv.Itoa(i))
		paths = append(paths, at)
	}
	close(d.hold)
	for _, at := range paths {
		p.receiptOf(at)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.calls != 2 {
		t.Errorf("%d calls: the first file, then the three that waited", d.calls)
	}
}

// FuzzMetadata: no header makes the handler fail or store something that it
// should not.
func FuzzMetadata(f *testing.F) {
	for _, s := range []string{"filename YV8xLmNzdg==", "filename", " , ,", "filename YV8xLmNzdg==,sha256 eA==", "a b c,d"} {
		f.Add(s, "5")
	}
	c, err := twoFeeds()
	if err != nil {
		f.Fatal(err)
	}
	d := &desk{seen: map[string]intake.Receipt{}}
	f.Fuzz(func(t *testing.T, said, length string) {
		dir := t.TempDir()
		h, err := upload.New(upload.Config{Dir: dir, Catalog: c, Submitter: d, Receipts: d, Clock: time.Now, Logger: slog.New(slog.DiscardHandler), BehindProxy: true})
		if err != nil {
			t.Fatal(err)
		}
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/v1/uploads", nil)
		r.Header["Authorization"] = []string{"Bearer " + tokenA}
		r.Header["Tus-Resumable"] = []string{"1.0.0"}
		r.Header["Upload-Metadata"] = []string{said}
		r.Header["Upload-Length"] = []string{length}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		entries, err := os.ReadDir(dir)
		if err != nil {
			t.Fatal(err)
		}
		if made := w.Code == http.StatusCreated; made != (len(entries) == 1) || w.Code >= 500 {
			t.Fatalf("%q %q: %d with %d folders", said, length, w.Code, len(entries))
		}
	})
}
