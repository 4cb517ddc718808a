package main

import (
	"context"
	"crypto/ed25519"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"larstrom/pipeline/audit"
	"larstrom/pipeline/catalog"
	"larstrom/pipeline/event"
	"larstrom/pipeline/queue"
	"larstrom/services/larstrom/control"
)

type flagsQueueCmd struct {
	dataFlag
	asFlag
	jsonFlag
}

func (q *flagsQueueCmd) Run(ctx context.Context, c *console) error {
	id, err := q.identity(c)
	if err != nil {
		return err
	}
	return with(ctx, c, q.Data, crashFlags{}, func(s *session) error {
		all, err := s.Queue(ctx, id)
		if err != nil {
			return err
		}
		if q.JSON {
			return writeJSON(c.out, "queue", all)
		}
		return writeTable(c.out, queueTable(all))
	})
}

func queueTable(q queue.Queue) []string {
	if len(q.Tasks) == 0 && len(q.Introductions) == 0 {
		return []string{"nothing awaits you"}
	}
	var rows []string
	for _, n := range q.Introductions {
		what := "draw a sample (larstrom protocol draw)"
		if n.Protocol != "" {
			what = "check the cases and sign protocol " + n.Protocol + " (larstrom protocol sign)"
		}
		rows = append(rows, fmt.Sprintf("indicator %s version %s is shown to its pilot units only, since %s: %s", n.Indicator, n.Version, n.Since, what))
	}
	if len(q.Tasks) == 0 {
		return rows
	}
	rows = append(rows, "SEVERITY\tCHECK\tINDICATOR\tUNIT\tOPENED\tINCIDENT\tFLAGS")
	for _, t := range q.Tasks {
		flags := t.Flags[0]
		if n := len(t.Flags) - 1; n > 0 {
			flags += fmt.Sprintf(" and %d more", n)
		}
		rows = append(rows, strings.Join([]string{string(t.Severity), strings.Join(t.Checks, ", "), t.Indicator, or(someOf(t.Units), "all"), t.OpenedOn.String(), or(t.Incident, "-"), flags}, "\t"))
	}
	if n := q.Folded.Tasks; n > 0 {
		rows = append(rows, fmt.Sprintf("and %d more tasks (%d that block) beyond what there is time for; --json names their flags", n, q.Folded.Blocks))
	}
	return rows
}

// someOf names three, and says how many more there are.
func someOf(names []string) string {
	if n := len(names) - 3; n > 0 {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:3], ", "), n)
	}
	return strings.Join(names, ", ")
}

type flagsAffirmCmd struct {
	Unit    string `arg:"" name:"UNIT" help:"The unit."`
	Through string `required:"" placeholder:"DATE" help:"The last day of the quarter that you stand by, as 2006-01-02."`
	Note    string `placeholder:"TEXT" help:"Free text without personal data."`
	dataFlag
	asFlag
	jsonFlag
}

func (f *flagsAffirmCmd) Run(ctx context.Context, c *console) error {
	id, err := f.identity(c)
	if err != nil {
		return err
	}
	through, err := catalog.ParseDate(f.Through)
	if err != nil {
		return &usageError{"--through: " + err.Error()}
	}
	return with(ctx, c, f.Data, crashFlags{}, func(s *session) error {
		a, err := s.Affirm(ctx, control.AffirmRequest{Identity: id, Affirmed: event.UnitAffirmed{Unit: f.Unit, Through: through, Note: f.Note, Client: client()}})
		if err != nil {
			return err
		}
		if f.JSON {
			return writeJSON(c.out, "affirmed", a)
		}
		_, err = fmt.Fprintf(c.out, "unit %s is affirmed through %s by %s on %s\n", a.Unit, a.Through, a.By, a.On)
		return err
	})
}

type flagsAuditCmd struct {
	dataFlag
	scopeFlag
	Verify string `placeholder:"FILE" help:"Verify a trail instead of writing one."`
	Key    string `placeholder:"HEX" help:"The public key that must have signed the trail (default: that of the data folder)."`
}

func (a *flagsAuditCmd) Run(ctx context.Context, c *console) error {
	if a.Verify != "" {
		return a.verify(c)
	}
	var id control.Identity
	if a.As != "" {
		var err error
		if id, err = asFlag(a.scopeFlag).identity(c); err != nil {
			return err
		}
	}
	return with(ctx, c, a.Data, crashFlags{}, func(s *session) error { return s.Audit(ctx, id, c.out) })
}

func (a *flagsAuditCmd) verify(c *console) error {
	var trusted ed25519.PublicKey
	if a.Key != "" {
		b, err := hex.DecodeString(a.Key)
		if err != nil || len(b) != ed25519.PublicKeySize {
			return &usageError{"--key: a public key has 64 hexadecimal digits"}
		}
		trusted = b
	} else {
		own := filepath.Join(a.Data, "keys", "audit.key")
		if file := c.getenv(envKeyFile); file != "" {
			own = filepath.Join(filepath.Dir(file), "audit.key")
		}
		key, err := audit.LoadKey(own)
		if err != nil {
			return fmt.Errorf("%w; name the public key with --key", err)
		}
		trusted = key.Public().(ed25519.PublicKey)
	}
	f, err := os.Open(a.Verify)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	t, err := audit.Verify(f, trusted)
	if err != nil {
		return fmt.Errorf("%s: %w", a.Verify, err)
	}
	_, err = fmt.Fprintf(c.out, "%s: whole: %d events of region %s up to sequence %d, as of %s, signed with %x\n", a.Verify, t.Events, t.Region, t.Last, t.At.Format("2006-01-02T15:04:05Z"), []byte(t.PublicKey))
	return err
}

// client names the command line in what it puts on record.
func client() string { return clientNamed("command line") }

// clientNamed names a part of this program, and its version.
func clientNamed(part string) string {
	version, revision := buildVersion()
	return "larstrom " + part + " " + version + " " + revision
}

func (d direct) Queue(ctx context.Context, id control.Identity) (queue.Queue, error) {
	who, err := control.Authenticate(d.app.Catalog, id.As, id.Token)
	if err != nil {
		return queue.Queue{}, err
	}
	return d.app.QueueFor(ctx, who)
}

func (d direct) Affirm(ctx context.Context, r control.AffirmRequest) (event.UnitAffirmed, error) {
	who, err := control.Authenticate(d.app.Catalog, r.As, r.Token)
	if err != nil {
		return event.UnitAffirmed{}, err
	}
	return d.app.Affirm(ctx, who, r.Affirmed)
}

func (d direct) Audit(ctx context.Context, id control.Identity, w io.Writer) error {
	if id == (control.Identity{}) {
		return d.app.Audit(ctx, nil, w)
	}
	who, err := control.Authenticate(d.app.Catalog, id.As, id.Token)
	if err != nil {
		return err
	}
	return d.app.Audit(ctx, &who, w)
}
