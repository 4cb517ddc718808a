package notifier_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/big"
	"net"
	netmail "net/mail"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"

	"larstrom/pipeline/catalog"
	natsd "larstrom/pipeline/embedded/nats"
	"larstrom/pipeline/event"
	"larstrom/pipeline/eventlog"
	"larstrom/services/notifier"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const region = `
region: {code: nord, name: Nord, time_zone: Europe/Stockholm, digest_at: "06:45"}
registries: [{code: stroke, name: Stroke, country: SE}]
indicators:
  - {id: reperf, registry: stroke, name: {sv: Reperfusion i tid åäö}, type: proportion, subset: true, class: process, direction: up}
profiles: [{id: internal, rule: internal}]
units: [{id: lund, name: Lunds sjukhus, kind: hospital}, {id: falun, name: Falu lasarett, kind: hospital}]
people:
  - {id: p-anna, name: Anna, email: anna@example.org, roles: [{role: super_user, units: [lund]}]}
  - {id: p-bo, name: Bo, email: bo@example.org, roles: [{role: super_user, units: [lund]}]}
  - {id: p-siv, name: Siv, roles: [{role: region_steward, units: [lund, falun]}]}
`

func day(t *testing.T, text string) catalog.Date {
	t.Helper()
	d, err := catalog.ParseDate(text)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// place is a ledger with a clock.
type place struct {
	t       *testing.T
	log     *eventlog.Log
	catalog *catalog.Catalog
	clock   func() time.Time
	now     time.Time
	logs    syncBuffer
}

// syncBuffer is a buffer that a service may write to while a test reads.
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

func newPlace(t *testing.T) *place {
	t.Helper()
	p := &place{t: t, now: time.Date(2025, 9, 1, 4, 0, 0, 0, time.UTC)} // Monday, 6 o'clock in Stockholm
	p.clock = func() time.Time { return p.now }
	client, err := natsd.Start(natsd.Config{StoreDir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Shutdown)
	if p.log, err = eventlog.Open(t.Context(), client.JetStream(), eventlog.Config{Replicas: client.Replicas()}); err != nil {
		t.Fatal(err)
	}
	if p.catalog, err = catalog.Load(fstest.MapFS{"c.yaml": {Data: []byte(region)}}); err != nil {
		t.Fatal(err)
	}
	p.put(event.CatalogSubject("nord"), event.CatalogAdopted{Hash: p.catalog.Hash})
	return p
}

func (p *place) put(subject string, b event.Body) {
	p.t.Helper()
	e, err := event.New(subject, "test", b, p.now)
	if err != nil {
		p.t.Fatal(err)
	}
	if _, err := p.log.AppendEvent(p.t.Context(), e, nil); err != nil {
		p.t.Fatal(err)
	}
}

// night is a published run that raises flags.
func (p *place) night(n int, severity event.Severity, flags ...string) {
	p.t.Helper()
	r := fmt.Sprintf("r%d", n)
	p.put(event.RunSubject("nord"), event.RunOpened{Run: r, Ordinal: n})
	for _, f := range flags {
		p.put(event.GateSubject("nord", "reperf"), event.FlagRaised{Flag: f, Check: "T0" + f[1:], CheckVersion: 1, Severity: severity, Indicator: "reperf", Unit: "lund", Run: r,
			Observed: 4711, Text: "4711 cases"})
	}
	p.put(event.RunSubject("nord"), event.RunChecked{Run: r})
	p.put(event.RunSubject("nord"), event.RunPublished{Publication: n, Run: r, Sets: map[string]string{"reperf": "s"}})
}

// sent are the notices that the ledger has, as "kind person new".
func (p *place) sent() []string {
	p.t.Helper()
	var out []string
	for e, err := range p.log.Events(p.t.Context(), 1) {
		if err != nil {
			p.t.Fatal(err)
		}
		if e.Type != event.TypeNoticeSent {
			continue
		}
		b, err := event.Decode[event.NoticeSent](e)
		if err != nil {
			p.t.Fatal(err)
		}
		if e.Subject != "ledger.notice.nord" || bytes.Contains(e.Data, []byte("@")) {
			p.t.Errorf("%s: %s", e.Subject, e.Data)
		}
		out = append(out, fmt.Sprintf("%s %s %d", b.Kind, b.Person, b.New))
	}
	return out
}

func (p *place) service(sink notifier.Sink, change ...func(*notifier.Config)) *notifier.Service {
	p.t.Helper()
	cfg := notifier.Config{Ledger: p.log, Catalog: p.catalog, Sink: sink, Pages: "https://larstrom.example", Clock: p.clock,
		Logger: slog.New(slog.NewTextHandler(&p.logs, nil)), RetryFirst: time.Second, RetryMost: 3 * time.Second}
	for _, c := range change {
		c(&cfg)
	}
	s, err := notifier.New(cfg)
	if err != nil {
		p.t.Fatal(err)
	}
	return s
}

func (p *place) step(s *notifier.Service) time.Duration {
	p.t.Helper()
	next, err := s.Step(p.t.Context())
	if err != nil {
		p.t.Fatal(err)
	}
	return next
}

// server is a real mail server in this process.
type server struct {
	address string
	trust   *tls.Config

	mu     sync.Mutex
	mails  []string // "to message-id", as accepted
	bodies []string
	crypt  bool
	login  string
	// say answers a recipient; nil: accepted.
	say func(to string) error
	// came tells that a message did.
	came chan struct{}
}

type session struct {
	s    *server
	c    *smtp.Conn
	to   string
	user string
}

func (s *session) AuthMechanisms() []string { return []string{sasl.Plain} }
func (s *session) Auth(string) (sasl.Server, error) {
	return sasl.NewPlainServer(func(_, user, password string) error {
		if user != "larstrom" || password != "right" {
			return errors.New("wrong")
		}
		s.user = user
		return nil
	}), nil
}
func (s *session) Reset()        {}
func (s *session) Logout() error { return nil }
func (s *session) Mail(string, *smtp.MailOptions) error {
	return nil
}

func (s *session) Rcpt(to string, _ *smtp.RcptOptions) error {
	s.s.mu.Lock()
	defer s.s.mu.Unlock()
	s.to = to
	if s.s.say != nil {
		return s.s.say(to)
	}
	return nil
}

func (s *session) Data(r io.Reader) error {
	raw, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	m, err := netmail.ReadMessage(bytes.NewReader(raw))
	if err != nil {
		return err
	}
	_, encrypted := s.c.TLSConnectionState()
	s.s.mu.Lock()
	defer s.s.mu.Unlock()
	s.s.mails = append(s.s.mails, s.to+" "+m.Header.Get("Message-Id"))
	s.s.bodies = append(s.s.bodies, string(raw))
	s.s.crypt, s.s.login = encrypted, s.user
	select {
	case s.s.came <- struct{}{}:
	default:
	}
	return nil
}

func (s *server) got() (mails, bodies []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.mails), slices.Clone(s.bodies)
}

func (s *server) answer(say func(string) error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.say = say
}

func listen(t *testing.T, encrypted bool) *server {
	t.Helper()
	s := &server{came: make(chan struct{}, 1)}
	srv := smtp.NewServer(smtp.BackendFunc(func(c *smtp.Conn) (smtp.Session, error) { return &session{s: s, c: c}, nil }))
	srv.Domain, srv.AllowInsecureAuth = "mail.example", !encrypted
	srv.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	if encrypted {
		srv.TLSConfig, s.trust = certificate(t)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s.address = l.Addr().String()
	done := make(chan struct{})
	go func() { defer close(done); _ = srv.Serve(l) }()
	t.Cleanup(func() { _ = srv.Close(); <-done })
	return s
}

// certificate is one of this server for itself, and what trusts it.
func certificate(t *testing.T) (of, trusts *tls.Config) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "mail.example"}, DNSNames: []string{"mail.example"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(leaf)
	return &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}, MinVersion: tls.VersionTLS12},
		&tls.Config{RootCAs: pool, ServerName: "mail.example", MinVersion: tls.VersionTLS12}
}

func (s *server) sink(t *testing.T, change ...func(*notifier.SMTPConfig)) *notifier.SMTP {
	t.Helper()
	cfg := notifier.SMTPConfig{Address: s.address, From: "larstrom@region.example", Timeout: 5 * time.Second, TLS: s.trust}
	for _, c := range change {
		c(&cfg)
	}
	sink, err := notifier.NewSMTP(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return sink
}

func TestDigestByMailServer(t *testing.T) {
	p, m := newPlace(t), listen(t, true)
	p.night(1, event.Hold, "f1", "f2")
	s := p.service(m.sink(t, func(c *notifier.SMTPConfig) { c.User, c.Password = "larstrom", "right" }))
	if next := p.step(s); next != 10*time.Minute {
		t.Errorf("looks again after %s; the longest is ten minutes", next)
	}
	if mails, _ := m.got(); len(mails) != 0 {
		t.Fatalf("a digest before its time: %q", mails)
	}
	p.now = p.now.Add(40 * time.Minute)
	if next := p.step(s); next != 5*time.Minute {
		t.Errorf("looks again after %s, and the digest is due in five minutes", next)
	}
	p.now = p.now.Add(5 * time.Minute)
	p.step(s)
	mails, bodies := m.got()
	if len(mails) != 2 || !strings.HasPrefix(mails[0], "anna@example.org <") || !strings.HasSuffix(mails[0], "@region.example>") {
		t.Fatalf("mails: %q", mails)
	}
	if !m.crypt || m.login != "larstrom" {
		t.Errorf("encrypted: %v, login %q", m.crypt, m.login)
	}
	for _, want := range []string{"Content-Language: sv", "Auto-Submitted: auto-generated", "https://larstrom.example/flags/f1", "Nya =C3=A4renden: 2"} {
		if !strings.Contains(bodies[0], want) {
			t.Errorf("the mail lacks %q:\n%s", want, bodies[0])
		}
	}
	if strings.Contains(bodies[0], "4711") || strings.Contains(bodies[0], "p-anna") {
		t.Errorf("the mail holds too much:\n%s", bodies[0])
	}
	if got := p.sent(); !slices.Equal(got, []string{"digest p-anna 2", "digest p-bo 2"}) {
		t.Errorf("the ledger has %q", got)
	}
	// Neither this process nor the next sends it again.
	p.step(s)
	p.step(p.service(m.sink(t)))
	if mails, _ := m.got(); len(mails) != 2 {
		t.Errorf("sent again: %q", mails)
	}
	if logs := p.logs.String(); strings.Contains(logs, "@example.org") || strings.Contains(logs, "right") {
		t.Errorf("the log holds an address or the password:\n%s", logs)
	}
}

func TestWrongPasswordAndUnencryptedServersGetNothing(t *testing.T) {
	p, m := newPlace(t), listen(t, true)
	p.night(1, event.Block, "f1")
	s := p.service(m.sink(t, func(c *notifier.SMTPConfig) { c.User, c.Password = "larstrom", "wrong" }))
	if next := p.step(s); next != time.Second {
		t.Errorf("the next attempt after %s", next)
	}
	stranger := p.service(m.sink(t, func(c *notifier.SMTPConfig) {
		c.TLS = &tls.Config{ServerName: "mail.example", MinVersion: tls.VersionTLS12}
	}))
	p.step(stranger)
	if mails, _ := m.got(); len(mails) != 0 || len(p.sent()) != 0 {
		t.Errorf("mails %q, ledger %q", mails, p.sent())
	}
	for _, c := range []notifier.SMTPConfig{
		{Address: "mail.example", From: "a@b.example"}, {Address: "mail.example:0", From: "a@b.example"}, {Address: "mail.example:25", From: "nobody"},
		{Address: "mail.example:25", From: "a@b.example", User: "u"}, {Address: "mail.example:25", From: "a@b.example", Timeout: -1},
	} {
		if _, err := notifier.NewSMTP(c); err == nil {
			t.Errorf("%+v is taken", c)
		}
	}
}

// The server offers no encryption: only its own machine may speak to it so.
func TestStartTLSIsRequiredBeyondTheMachine(t *testing.T) {
	m := listen(t, false)
	if err := m.sink(t).Send(t.Context(), notifier.Mail{ID: "n1", To: "anna@example.org", Subject: "s", Body: "b", Date: time.Now()}); err != nil {
		t.Errorf("on the machine itself: %v", err)
	}
	_, port, err := net.SplitHostPort(m.address)
	if err != nil {
		t.Fatal(err)
	}
	// 0.0.0.0 reaches the same listener, and is no loopback address by name.
	far := m.sink(t, func(c *notifier.SMTPConfig) { c.Address = net.JoinHostPort("0.0.0.0", port) })
	if err := far.Send(t.Context(), notifier.Mail{ID: "n2", To: "anna@example.org", Subject: "s", Body: "b", Date: time.Now()}); !errors.Is(err, notifier.ErrAway) {
		t.Errorf("beyond it: %v", err)
	}
	if mails, _ := m.got(); len(mails) != 1 {
		t.Errorf("mails: %q", mails)
	}
}

func TestRefusedAndDeferredRecipients(t *testing.T) {
	p, m := newPlace(t), listen(t, true)
	p.night(1, event.Block, "f1")
	m.answer(func(to string) error {
		if to == "anna@example.org" {
			return &smtp.SMTPError{Code: 550, EnhancedCode: smtp.EnhancedCode{5, 1, 1}, Message: "no such user anna@example.org"}
		}
		return &smtp.SMTPError{Code: 451, EnhancedCode: smtp.EnhancedCode{4, 7, 1}, Message: "later"}
	})
	reg := prometheus.NewRegistry()
	s := p.service(m.sink(t), func(c *notifier.Config) { c.Metrics = notifier.NewMetrics(reg) })
	for i, want := range []time.Duration{time.Second, 2 * time.Second, 3 * time.Second, 3 * time.Second} {
		if next := p.step(s); next != want {
			t.Errorf("attempt %d: again after %s, want %s", i, next, want)
		}
	}
	m.answer(nil)
	if next := p.step(s); next > 10*time.Minute || next < 10*time.Second {
		t.Errorf("after the success: %s", next)
	}
	mails, _ := m.got()
	if len(mails) != 1 || !strings.HasPrefix(mails[0], "bo@") {
		t.Errorf("mails: %q", mails)
	}
	if got := p.sent(); !slices.Equal(got, []string{"immediate p-bo 1"}) {
		t.Errorf("the ledger has %q", got)
	}
	logs := p.logs.String()
	if !strings.Contains(logs, "status 550 5.1.1") || !strings.Contains(logs, "status 451 4.7.1") || strings.Contains(logs, "anna@example.org") {
		t.Errorf("the log:\n%s", logs)
	}
	if got, want := counted(t, reg), "immediate deferred 4, immediate refused 1, immediate sent 1"; got != want {
		t.Errorf("the metrics say %q, want %q", got, want)
	}
	// What was refused is not lost: her digest of the day names it.
	p.now = p.now.Add(time.Hour)
	p.step(s)
	if mails, _ := m.got(); len(mails) != 2 || !strings.HasPrefix(mails[1], "anna@") {
		t.Errorf("mails: %q", mails)
	}
}

// counted are the metrics in the order of their labels.
func counted(t *testing.T, reg *prometheus.Registry) string {
	t.Helper()
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, f := range families {
		for _, m := range f.GetMetric() {
			if m.GetCounter().GetValue() == 0 {
				continue
			}
			out = append(out, fmt.Sprintf("%s %s %g", m.GetLabel()[0].GetValue(), m.GetLabel()[1].GetValue(), m.GetCounter().GetValue()))
		}
	}
	return strings.Join(out, ", ")
}

func TestWhatWasToldAtOnceIsNotInTheDigest(t *testing.T) {
	p, m := newPlace(t), listen(t, true)
	p.now = p.now.Add(time.Hour)
	p.night(1, event.Block, "f1")
	p.step(p.service(m.sink(t)))
	if got := p.sent(); !slices.Equal(got, []string{"immediate p-anna 1", "immediate p-bo 1"}) {
		t.Errorf("the ledger has %q", got)
	}
}

// dying is a ledger whose process dies before it appends.
type dying struct{ *eventlog.Log }

var errDied = errors.New("the process is gone")

func (dying) AppendEvent(context.Context, event.Event, *uint64) (uint64, error) { return 0, errDied }

func TestACrashRepeatsOneMessageAndLosesNone(t *testing.T) {
	p, m := newPlace(t), listen(t, true)
	p.night(1, event.Hold, "f1")
	p.now = p.now.Add(time.Hour)
	s := p.service(m.sink(t), func(c *notifier.Config) { c.Ledger = dying{p.log} })
	if _, err := s.Step(t.Context()); !errors.Is(err, errDied) {
		t.Fatalf("the crash: %v", err)
	}
	p.night(2, event.Hold, "f2") // meanwhile
	p.step(p.service(m.sink(t)))
	mails, _ := m.got()
	if len(mails) != 3 || mails[0] != mails[1] || !strings.HasPrefix(mails[2], "bo@") {
		t.Errorf("anna's message twice with one identity, and bo's: %q", mails)
	}
	if got := p.sent(); !slices.Equal(got, []string{"digest p-anna 2", "digest p-bo 2"}) {
		t.Errorf("the ledger has %q", got)
	}
}

func TestOutboxHoldsWholeMessagesOnce(t *testing.T) {
	p := newPlace(t)
	dir := t.TempDir()
	box, err := notifier.NewOutbox(dir, "larstrom@region.example")
	if err != nil {
		t.Fatal(err)
	}
	p.night(1, event.Block, "f1")
	s := p.service(box, func(c *notifier.Config) { c.Ledger = dying{p.log} })
	if _, err := s.Step(t.Context()); !errors.Is(err, errDied) {
		t.Fatal(err)
	}
	p.step(p.service(box))
	files, err := filepath.Glob(filepath.Join(dir, "outbox", "*"))
	if err != nil || len(files) != 2 {
		t.Fatalf("the outbox has %q, %v", files, err)
	}
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		m, err := netmail.ReadMessage(bytes.NewReader(b))
		if err != nil || !strings.HasSuffix(f, ".eml") || m.Header.Get("Message-Id") == "" || m.Header.Get("Date") == "" {
			t.Errorf("%s: %v\n%s", f, err, b)
		}
	}
	if err := os.Rename(filepath.Join(dir, "outbox"), filepath.Join(dir, "gone")); err != nil {
		t.Fatal(err)
	}
	if err := box.Send(t.Context(), notifier.Mail{ID: "n", To: "a@example.org"}); !errors.Is(err, notifier.ErrAway) {
		t.Errorf("without its folder: %v", err)
	}
	if _, err := notifier.NewOutbox(dir, "nobody"); err == nil {
		t.Error("an outbox without a sender")
	}
}

// Run wakes up when the ledger grows.
func TestRunSendsAtOnce(t *testing.T) {
	p, m := newPlace(t), listen(t, true)
	s := p.service(m.sink(t), func(c *notifier.Config) { c.Every = time.Millisecond })
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	p.night(1, event.Block, "f1")
	deadline := time.NewTimer(20 * time.Second)
	defer deadline.Stop()
	for {
		select {
		case <-m.came:
		case <-deadline.C:
			stop()
			t.Fatalf("nothing came: %v\n%s", <-done, p.logs.String())
		}
		if mails, _ := m.got(); len(mails) == 2 {
			break
		}
	}
	stop()
	if err := <-done; err != nil {
		t.Errorf("Run: %v", err)
	}
}

func TestConfig(t *testing.T) {
	if _, err := notifier.New(notifier.Config{Every: -1}); err == nil || !strings.Contains(err.Error(), "a ledger and a catalog") || !strings.Contains(err.Error(), "a clock") || !strings.Contains(err.Error(), "negative") {
		t.Errorf("an empty configuration: %v", err)
	}
}
