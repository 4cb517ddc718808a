package notifier

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"larstrom/pipeline/catalog"
	"larstrom/pipeline/event"
	"larstrom/pipeline/eventlog"
	"larstrom/pipeline/learning"
	"larstrom/pipeline/notice"
	"larstrom/pipeline/quality"
	"larstrom/pipeline/queue"
	"larstrom/pipeline/run"
)

// Ledger is what the service reads and appends to.
type Ledger interface {
	Events(ctx context.Context, from uint64) iter.Seq2[event.Event, error]
	Follow(ctx context.Context, from uint64, fn func(event.Event) error) error
	AppendEvent(ctx context.Context, e event.Event, expected *uint64) (seq uint64, err error)
}

// Mail is a message on its way.
type Mail struct {
	// ID is opaque and the same each time that the message is sent; it is safe
	// in a file name and in a Message-ID.
	ID                string
	To, Subject, Body string
	Language          string
	Date              time.Time
}

// Sink takes messages. A nil error means that it has taken the message and
// answers for it. ErrRefused means that it never will, ErrAway that it takes
// none now; any other error that it does not take this one now. Errors name no
// address.
type Sink interface {
	Send(ctx context.Context, m Mail) error
}

// What a sink may say.
var (
	ErrRefused = errors.New("the message is refused")
	ErrAway    = errors.New("the sink is away")
)

// Config is what the service needs.
type Config struct {
	Ledger  Ledger
	Catalog *catalog.Catalog
	// Sink takes the messages; nil: nobody is written to, and what is not done
	// in its time is recorded all the same.
	Sink Sink
	// Holder is an opaque name of this process among several of one region,
	// another one at each start; empty: it is the only one.
	Holder string
	// Lease is for how long a process claims messages that it is about to send
	// (0: 5 min). The clocks of the processes agree to within half of it.
	Lease time.Duration
	// Pages is the address at which people reach the portal; empty: messages
	// have no links.
	Pages   string
	Clock   func() time.Time
	Logger  *slog.Logger
	Metrics *Metrics
	// Every is the shortest time between two looks at the ledger (0: 10 s).
	Every time.Duration
	// RetryFirst and RetryMost bound the pauses after a failure, each twice the
	// one before (0: 5 s and 10 min).
	RetryFirst, RetryMost time.Duration
}

// Validate joins everything that is missing.
func (c Config) Validate() error {
	var errs []error
	if c.Ledger == nil || c.Catalog == nil {
		errs = append(errs, errors.New("notifier: a ledger and a catalog are needed"))
	}
	if c.Clock == nil || c.Logger == nil {
		errs = append(errs, errors.New("notifier: a clock and a logger are needed"))
	}
	if c.Every < 0 || c.RetryFirst < 0 || c.RetryMost < 0 || c.Lease < 0 || c.Lease%time.Second != 0 {
		errs = append(errs, errors.New("notifier: times cannot be negative, and a lease is of whole seconds"))
	}
	return errors.Join(errs...)
}

// Service sends notices.
type Service struct {
	cfg     Config
	zone    *time.Location
	at      time.Duration // of the digest, after midnight
	explain map[string]catalog.Text

	state run.State
	sent  []event.NoticeSent
	// claims are the last ones of messages; last is the end of their subject.
	claims   map[string]claim
	done     map[string]bool // messages that were sent
	last     uint64
	breached map[string]bool // by identity
	// refused are messages that the sink will never take; this process does
	// not try them again.
	refused map[string]bool
	failed  int // attempts in a row
}

// claim says who hands a message to the sink, and until when nobody else does.
type claim struct {
	holder string
	until  time.Time
}

// errAgain says that the ledger has grown where this process wanted to append:
// what is due is to be looked at again.
var errAgain = errors.New("another process was faster")

// defaultDigest is when digests go out where the catalog does not say.
const defaultDigest = "07:30"

// New is a service that is ready to run.
func New(cfg Config) (*Service, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	for _, d := range []struct {
		of    *time.Duration
		value time.Duration
	}{{&cfg.Every, 10 * time.Second}, {&cfg.RetryFirst, 5 * time.Second}, {&cfg.RetryMost, 10 * time.Minute}, {&cfg.Lease, 5 * time.Minute}} {
		if *d.of == 0 {
			*d.of = d.value
		}
	}
	zone, err := time.LoadLocation(cfg.Catalog.Region.TimeZone)
	if err != nil {
		return nil, fmt.Errorf("notifier: %w", err)
	}
	clock := cfg.Catalog.Region.DigestAt
	if clock == "" {
		clock = defaultDigest
	}
	at, err := time.Parse("15:04", clock)
	if err != nil {
		return nil, fmt.Errorf("notifier: region.digest_at: %w", err)
	}
	s := &Service{cfg: cfg, zone: zone, at: time.Duration(at.Hour())*time.Hour + time.Duration(at.Minute())*time.Minute,
		explain: map[string]catalog.Text{}, refused: map[string]bool{}, claims: map[string]claim{}, done: map[string]bool{}, breached: map[string]bool{}}
	for _, c := range quality.Catalogue() {
		s.explain[c.ID] = c.Explain
	}
	return s, nil
}

// longest is the longest time without a look at the clock: machines sleep, and
// clocks are set.
const longest = 10 * time.Minute

// Run works until ctx ends. When the sink is away it tries again; when the
// ledger contradicts itself or cannot be appended to, it stops.
func (s *Service) Run(ctx context.Context) error {
	for {
		next, err := s.Step(ctx)
		switch {
		case ctx.Err() != nil:
			return nil //nolint:nilerr // ctx ends when the service is to stop: the end of Run, not a failure
		case err != nil:
			return fmt.Errorf("notifier: %w", err)
		}
		if err := s.rest(ctx, next); err != nil {
			return fmt.Errorf("notifier: %w", err)
		}
		if ctx.Err() != nil {
			return nil //nolint:nilerr // the end of Run, not a failure
		}
	}
}

// rest returns after the time, or when the ledger has grown, but not sooner
// than Every.
func (s *Service) rest(ctx context.Context, d time.Duration) error {
	shortest := min(d, s.cfg.Every)
	select {
	case <-ctx.Done():
		return nil
	case <-time.After(shortest):
	}
	if s.failed > 0 || d <= shortest { // what came does not shorten a pause after a failure
		select {
		case <-ctx.Done():
		case <-time.After(d - shortest):
		}
		return nil
	}
	waiting, stop := context.WithTimeout(ctx, d-shortest)
	defer stop()
	err := run.Await(waiting, s.cfg.Ledger, s.state.Seq)
	if waiting.Err() != nil {
		return nil // the time is over, or the service is to stop
	}
	return err
}

// sync folds what is new, and reports whether anything is that others wrote.
func (s *Service) sync(ctx context.Context) (news bool, err error) {
	for e, err := range s.cfg.Ledger.Events(ctx, s.state.Seq+1) {
		if err != nil {
			return news, fmt.Errorf("read the ledger from %d: %w", s.state.Seq+1, err)
		}
		if e.Subject == event.NoticeSubject(s.cfg.Catalog.Region.Code) {
			if err := s.fold(e); err != nil {
				return news, err
			}
		} else {
			news = true
		}
		if err := s.state.Apply(e); err != nil {
			return news, err
		}
	}
	return news, nil
}

// fold takes in what this process or another has said of messages.
func (s *Service) fold(e event.Event) error {
	s.last = e.Sequence
	if s.state.Has(e.ID) {
		return nil
	}
	switch e.Type {
	case event.TypeNoticeSent:
		b, err := event.Decode[event.NoticeSent](e)
		if err != nil {
			return err
		}
		s.sent = append(s.sent, b)
		s.done[b.Notice] = true
		delete(s.claims, b.Notice)
	case event.TypeNoticeClaimed:
		b, err := event.Decode[event.NoticeClaimed](e)
		if err != nil {
			return err
		}
		for _, n := range b.Notices {
			s.claims[n] = claim{b.Holder, e.Time.Add(time.Duration(b.Seconds) * time.Second)}
		}
	case event.TypeSLABreached:
		b, err := event.Decode[event.SLABreached](e)
		if err != nil {
			return err
		}
		s.breached[b.Breach] = true
	}
	return nil
}

// Step records what has not been done in its time, sends what is due now and
// says after which time to look again at the latest.
func (s *Service) Step(ctx context.Context) (next time.Duration, err error) {
	for {
		if next, err = s.step(ctx); !errors.Is(err, errAgain) {
			return next, err
		}
	}
}

func (s *Service) step(ctx context.Context) (next time.Duration, err error) {
	if _, err := s.sync(ctx); err != nil {
		return 0, err
	}
	now := s.cfg.Clock().In(s.zone)
	in, err := s.input(now)
	if err != nil {
		return 0, err
	}
	if err := s.breaches(ctx, in); err != nil {
		return 0, err
	}
	ok, err := s.deliver(ctx, notice.Immediate(in), now)
	if err != nil {
		return 0, err
	}
	if due := s.digestOn(now); ok && !now.Before(due) {
		// What was told at once is not new in the digest.
		if in.Sent = s.sent; len(in.Questions)+len(in.Advice)+len(in.Introductions) > 0 {
			if ok, err = s.deliver(ctx, notice.Digests(in), now); err != nil {
				return 0, err
			}
		}
	}
	news, err := s.sync(ctx)
	switch {
	case err != nil:
		return 0, err
	case !ok:
		s.failed++
		return min(s.cfg.RetryMost, s.cfg.RetryFirst<<min(s.failed-1, 20)), nil
	case news:
		s.failed = 0
		return s.cfg.Every, nil
	}
	s.failed = 0
	due := s.digestOn(now)
	if !now.Before(due) {
		due = s.digestOn(now.AddDate(0, 0, 1))
	}
	for _, c := range s.claims { // what another process has not sent by then falls to this one
		if c.until.After(now) && c.until.Before(due) {
			due = c.until
		}
	}
	return min(longest, max(due.Sub(now), s.cfg.Every)), nil
}

// breaches records what the ledger does not have yet.
func (s *Service) breaches(ctx context.Context, in notice.Input) error {
	for _, b := range notice.Breaches(in) {
		if s.breached[b.Breach] {
			continue
		}
		if err := s.append(ctx, b.Breach, b); err != nil {
			return fmt.Errorf("record what was not done in its time: %w", err)
		}
		s.cfg.Logger.Info("a duty was not done in its time", "flag", b.Flag, "duty", b.Duty, "stage", b.Stage, "due", b.Due.String(), "level", b.Level)
	}
	return nil
}

// append adds to what this process knows of messages, and to nothing else:
// errAgain when another one has added meanwhile.
func (s *Service) append(ctx context.Context, cause string, b event.Body) error {
	e, err := event.New(event.NoticeSubject(s.cfg.Catalog.Region.Code), cause, b, s.cfg.Clock())
	if err != nil {
		return err
	}
	expected := s.last
	var wrong *eventlog.WrongLastSequenceError
	if _, err := s.cfg.Ledger.AppendEvent(ctx, e, &expected); errors.As(err, &wrong) {
		return errAgain
	} else if err != nil {
		return err
	}
	_, err = s.sync(ctx)
	return err
}

// mostClaimed is how many messages one claim has: no more than are sent while
// it lasts.
const mostClaimed = 50

// claimed makes the first of the messages this process's for at least half a
// lease, with those after it that nobody has, and says for how long it is.
func (s *Service) claimed(ctx context.Context, all []notice.Message) (time.Duration, error) {
	now := s.cfg.Clock()
	mine := s.claims[all[0].Sent.Notice]
	if left := mine.until.Sub(now); mine.holder == s.cfg.Holder && left > s.cfg.Lease/2 {
		return left, nil
	}
	b := event.NoticeClaimed{Holder: s.cfg.Holder, Seconds: int(s.cfg.Lease / time.Second)}
	for _, m := range all[:min(len(all), mostClaimed)] {
		if !s.refused[m.Sent.Notice] && !s.done[m.Sent.Notice] && !s.others(m, now) {
			b.Notices = append(b.Notices, m.Sent.Notice)
		}
	}
	return s.cfg.Lease, s.append(ctx, fmt.Sprint(s.last), b)
}

// others: another process has claimed the message and may be sending it.
func (s *Service) others(m notice.Message, now time.Time) bool {
	c := s.claims[m.Sent.Notice]
	return s.cfg.Holder != "" && c.holder != s.cfg.Holder && c.until.After(now)
}

// digestOn is the instant of the digest on the civil day of t.
func (s *Service) digestOn(t time.Time) time.Time {
	y, m, d := t.Date()
	return time.Date(y, m, d, int(s.at/time.Hour), int(s.at%time.Hour/time.Minute), 0, 0, s.zone)
}

func (s *Service) input(now time.Time) (notice.Input, error) {
	in := notice.Input{Catalog: s.cfg.Catalog, On: catalog.DateOf(now), Through: s.state.Seq, Sent: s.sent, Pages: s.cfg.Pages,
		Explain: func(check string) catalog.Text { return s.explain[check] }}
	var err error
	if in.Questions, err = notice.Questions(&s.state, s.zone); err != nil {
		return in, err
	}
	if in.Introductions, err = queue.Introductions(&s.state, s.cfg.Catalog, s.zone, in.On); err != nil {
		return in, err
	}
	stats, err := Learned(&s.state, s.cfg.Catalog)
	if err != nil {
		return in, err
	}
	for _, p := range learning.Proposals(stats) {
		in.Advice = append(in.Advice, notice.Advice{Check: p.Check, Version: p.Version, Promote: p.Promote})
	}
	return in, nil
}

// Learned is what the decisions in the ledger teach about the checks.
func Learned(s *run.State, c *catalog.Catalog) ([]learning.Stat, error) {
	var gates [][]event.Event
	for i := range c.Indicators {
		gates = append(gates, s.GateEvents(c.Indicators[i].ID))
	}
	var runs []event.RunChecked
	for _, r := range s.Runs() {
		if r.Checked != nil {
			runs = append(runs, *r.Checked)
		}
	}
	return learning.Learn(gates, runs)
}

// deliver hands over messages one by one and records each that was taken. It
// is not ok when something is to be tried again.
func (s *Service) deliver(ctx context.Context, all []notice.Message, now time.Time) (ok bool, err error) {
	ok = true
	if s.cfg.Sink == nil {
		return ok, nil
	}
	for i, m := range all {
		if s.refused[m.Sent.Notice] || s.done[m.Sent.Notice] || s.others(m, s.cfg.Clock()) {
			continue
		}
		err := s.send(ctx, all[i:], now)
		switch {
		case err == nil:
		case ctx.Err() != nil:
			return false, ctx.Err()
		case errors.Is(err, errAgain), errors.Is(err, errClaim):
			return false, err
		case errors.Is(err, ErrRefused):
			s.refused[m.Sent.Notice] = true
			s.cfg.Metrics.count(m.Sent.Kind, "refused")
			s.cfg.Logger.Error("a notice is refused; correct the person's address in the catalog, or the settings of the mail server", "person", m.Sent.Person, "notice", m.Sent.Notice, "error", err.Error())
			continue
		default:
			ok = false
			s.cfg.Metrics.count(m.Sent.Kind, "deferred")
			s.cfg.Logger.Warn("a notice is not taken now; trying again", "person", m.Sent.Person, "notice", m.Sent.Notice, "error", err.Error())
			if errors.Is(err, ErrAway) {
				return false, nil
			}
			continue
		}
		e, err := event.New(event.NoticeSubject(s.cfg.Catalog.Region.Code), m.Sent.Notice, m.Sent, s.cfg.Clock())
		if err != nil {
			return false, err
		}
		if _, err := s.cfg.Ledger.AppendEvent(ctx, e, nil); err != nil {
			return false, fmt.Errorf("record a notice that was sent: %w", err)
		}
		s.cfg.Metrics.count(m.Sent.Kind, "sent")
		if _, err := s.sync(ctx); err != nil {
			return false, err
		}
	}
	return ok, nil
}

// errClaim says that a claim could not be recorded.
var errClaim = errors.New("claim a notice")

// send hands the first of the messages to the sink. Among several processes it
// is claimed before, and the sink has no longer for it than the claim lasts.
func (s *Service) send(ctx context.Context, all []notice.Message, now time.Time) error {
	if s.cfg.Holder != "" {
		left, err := s.claimed(ctx, all)
		if errors.Is(err, errAgain) {
			return err
		} else if err != nil {
			return fmt.Errorf("%w: %w", errClaim, err)
		}
		var stop context.CancelFunc
		ctx, stop = context.WithTimeout(ctx, left)
		defer stop()
	}
	m := all[0]
	return s.cfg.Sink.Send(ctx, Mail{ID: m.Sent.Notice, To: m.To, Subject: m.Subject, Body: m.Body, Language: m.Language, Date: now})
}

// Metrics are the numbers of the service; nil counts nothing. People are no
// label.
type Metrics struct{ notices *prometheus.CounterVec }

// NewMetrics registers the metrics.
func NewMetrics(reg *prometheus.Registry) *Metrics {
	m := &Metrics{prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "larstrom_notices_total", Help: "Messages to people by kind and by what became of them: sent, deferred, refused.",
	}, []string{"kind", "outcome"})}
	reg.MustRegister(m.notices)
	for _, kind := range []string{event.NoticeDigest, event.NoticeImmediate} {
		for _, outcome := range []string{"sent", "deferred", "refused"} {
			m.notices.WithLabelValues(kind, outcome) // 0 is a number, not an absence
		}
	}
	return m
}

func (m *Metrics) count(kind, outcome string) {
	if m != nil {
		m.notices.WithLabelValues(kind, outcome).Inc()
	}
}
