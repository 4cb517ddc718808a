package review

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"time"

	"larstrom/pipeline/catalog"
	"larstrom/pipeline/event"
	"larstrom/pipeline/gate"
	"larstrom/pipeline/learning"
	"larstrom/pipeline/queue"
	"larstrom/services/validator"
)

// Reader shows a person what she may read. What she may not is
// gate.ErrForbidden, what is not there gate.ErrUnknownFlag.
type Reader interface {
	FlagsFor(ctx context.Context, who catalog.Person) ([]gate.Flag, error)
	FlagFor(ctx context.Context, who catalog.Person, flag string) (gate.Flag, error)
	Why(ctx context.Context, who catalog.Person, q validator.Question) ([]validator.Answer, error)
}

// Decider carries out a person's commands, and returns when the released store
// shows what follows. Repeated commands give no events.
type Decider interface {
	Order(ctx context.Context, who catalog.Person, o validator.Order) (Done, error)
	// DecideAll gives the outcomes in the order of the commands.
	DecideAll(ctx context.Context, who catalog.Person, orders []validator.Order) ([]validator.Outcome, int, error)
	// Preview appends that she was shown before it shows.
	Preview(ctx context.Context, who catalog.Person, orders []validator.Order) (validator.Preview, error)
}

// Introducer draws, signs and revokes introduction protocols.
type Introducer interface {
	DrawSample(ctx context.Context, who catalog.Person, d validator.Draw) (validator.Drawn, error)
	SignProtocol(ctx context.Context, who catalog.Person, p event.ProtocolSigned) (event.ProtocolSigned, Done, error)
	RevokeProtocol(ctx context.Context, who catalog.Person, p event.ProtocolRevoked) (Done, error)
}

// Recorder says what a person is to decide first, and keeps what she has looked
// at and stands by.
type Recorder interface {
	QueueFor(ctx context.Context, who catalog.Person) (queue.Queue, error)
	Affirm(ctx context.Context, who catalog.Person, u event.UnitAffirmed) (event.UnitAffirmed, error)
	// See appends that she was shown the flag, once for each version of it.
	See(ctx context.Context, who catalog.Person, flag, client string) error
}

// Auditor gives what is about all parts to those who read the events of all:
// gate.ErrForbidden to others.
type Auditor interface {
	// Audit writes the signed trail. What was written before an error is none.
	Audit(ctx context.Context, who catalog.Person, w io.Writer) error
	// LearnedFor is what decisions teach about the checks.
	LearnedFor(ctx context.Context, who catalog.Person) ([]learning.Stat, error)
}

// Done is what a command led to.
type Done struct {
	// Events were appended to the LEDGER; none when it had been done before.
	Events []event.Event
	// Publication is the first that shows what follows; 0: none yet.
	Publication int
}

// Sessions know who has logged in with her token.
type Sessions interface {
	// Person is the id of the person of the request's session.
	Person(r *http.Request) (id string, ok bool)
}

// Config of a Handler.
type Config struct {
	Catalog    *catalog.Catalog // required: people and their tokens, the region's time zone
	Reader     Reader           // required
	Decider    Decider          // required
	Introducer Introducer       // required
	Recorder   Recorder         // required
	Auditor    Auditor          // required
	Clock      func() time.Time // required
	Logger     *slog.Logger     // required
	// Sessions are those of a browser; nil: there are tokens only.
	Sessions Sessions
	// BehindProxy says that what comes in clear text from a network was
	// encrypted up to a proxy that nobody can pass by.
	BehindProxy bool
}

// Validate joins everything that is missing.
func (c Config) Validate() error {
	var errs []error
	missing := func(is bool, what string) {
		if is {
			errs = append(errs, errors.New("review: "+what+": is nil"))
		}
	}
	missing(c.Catalog == nil, "catalog")
	missing(c.Reader == nil, "reader")
	missing(c.Decider == nil, "decider")
	missing(c.Introducer == nil, "introducer")
	missing(c.Recorder == nil, "recorder")
	missing(c.Auditor == nil, "auditor")
	missing(c.Clock == nil, "clock")
	missing(c.Logger == nil, "logger")
	return errors.Join(errs...)
}
