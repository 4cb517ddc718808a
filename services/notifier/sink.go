package notifier

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	netmail "net/mail"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/wneessen/go-mail"
)

// letter is the message as it travels; its identity is made of the message's
// and of the sender's domain.
func letter(from string, m Mail) (*mail.Msg, error) {
	l := mail.NewMsg(mail.WithNoDefaultUserAgent())
	if err := l.From(from); err != nil {
		return nil, errors.New("the sender's address cannot be used")
	}
	if err := l.To(m.To); err != nil {
		return nil, fmt.Errorf("the address cannot be used: %w", ErrRefused)
	}
	_, domain, _ := strings.Cut(l.GetFrom()[0].Address, "@")
	l.SetMessageIDWithValue(m.ID + "@" + domain)
	l.SetDateWithValue(m.Date)
	l.Subject(m.Subject)
	l.SetGenHeader("Content-Language", m.Language)
	l.SetGenHeader("Auto-Submitted", "auto-generated")
	l.SetBodyString(mail.TypeTextPlain, m.Body)
	return l, nil
}

// Outbox is a folder that takes messages as files, one a message: a message
// that is sent again replaces itself.
type Outbox struct{ dir, from string }

// NewOutbox keeps messages in DIR/outbox.
func NewOutbox(dir, from string) (*Outbox, error) {
	o := &Outbox{dir: filepath.Join(dir, "outbox"), from: from}
	if _, err := netmail.ParseAddress(from); err != nil {
		return nil, fmt.Errorf("outbox: sender %q: want an e-mail address", from)
	}
	if err := os.MkdirAll(o.dir, 0o700); err != nil {
		return nil, fmt.Errorf("outbox: %w", err)
	}
	return o, nil
}

// Send writes the message so that a crash leaves all of it or nothing.
func (o *Outbox) Send(_ context.Context, m Mail) error {
	l, err := letter(o.from, m)
	if err != nil {
		return err
	}
	var b bytes.Buffer
	if _, err := l.WriteTo(&b); err != nil {
		return fmt.Errorf("outbox: %w", err)
	}
	f, err := os.CreateTemp(o.dir, ".tmp-*")
	if err != nil {
		return fmt.Errorf("outbox: %w: %w", ErrAway, err)
	}
	defer func() { _ = os.Remove(f.Name()) }()
	_, err = f.Write(b.Bytes())
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("outbox: %w: %w", ErrAway, err)
	}
	if err := os.Rename(f.Name(), filepath.Join(o.dir, m.ID+".eml")); err != nil {
		return fmt.Errorf("outbox: %w: %w", ErrAway, err)
	}
	d, err := os.Open(o.dir)
	if err != nil {
		return fmt.Errorf("outbox: %w: %w", ErrAway, err)
	}
	return errors.Join(d.Sync(), d.Close())
}

// SMTPConfig says which server takes mail. It is never in a catalog.
type SMTPConfig struct {
	// Address is host:port. The connection is encrypted (STARTTLS) unless the
	// host is a loopback address.
	Address string
	// From is the sender's address.
	From string
	// User and Password log in; both empty: nobody does.
	User, Password string
	// Timeout of a message (0: 30 s).
	Timeout time.Duration
	// TLS overrides what the machine trusts; nil: as it is.
	TLS *tls.Config
}

// Validate joins everything that is wrong.
func (c SMTPConfig) Validate() error {
	var errs []error
	if _, _, err := c.split(); err != nil {
		errs = append(errs, err)
	}
	if _, err := netmail.ParseAddress(c.From); err != nil {
		errs = append(errs, fmt.Errorf("mail: sender %q: want an e-mail address", c.From))
	}
	if (c.User == "") != (c.Password == "") {
		errs = append(errs, errors.New("mail: user and password go together"))
	}
	if c.Timeout < 0 {
		errs = append(errs, errors.New("mail: the timeout cannot be negative"))
	}
	return errors.Join(errs...)
}

func (c SMTPConfig) split() (host string, port int, err error) {
	host, p, err := net.SplitHostPort(c.Address)
	if err == nil {
		port, err = strconv.Atoi(p)
	}
	if err != nil || host == "" || port < 1 || port > 65535 {
		return "", 0, fmt.Errorf("mail: server %q: want host:port", c.Address)
	}
	return host, port, nil
}

// SMTP is a mail server.
type SMTP struct {
	cfg    SMTPConfig
	client *mail.Client
}

// NewSMTP connects to nothing yet.
func NewSMTP(cfg SMTPConfig) (*SMTP, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	if cfg.Timeout == 0 {
		cfg.Timeout = 30 * time.Second
	}
	host, port, err := cfg.split()
	if err != nil {
		return nil, err
	}
	policy := mail.TLSMandatory
	if ip := net.ParseIP(host); host == "localhost" || ip != nil && ip.IsLoopback() {
		policy = mail.TLSOpportunistic
	}
	// One message a connection: neither RSET nor NOOP says anything of it.
	opts := []mail.Option{mail.WithPort(port), mail.WithTimeout(cfg.Timeout), mail.WithTLSPolicy(policy), mail.WithoutNoop(), mail.WithoutRset()}
	if cfg.TLS != nil {
		opts = append(opts, mail.WithTLSConfig(cfg.TLS))
	}
	if cfg.User != "" {
		opts = append(opts, mail.WithSMTPAuth(mail.SMTPAuthAutoDiscover), mail.WithUsername(cfg.User), mail.WithPassword(cfg.Password))
	}
	client, err := mail.NewClient(host, opts...)
	if err != nil {
		return nil, fmt.Errorf("mail: %w", err)
	}
	return &SMTP{cfg: cfg, client: client}, nil
}

// Send hands the message to the server. What the server says of addresses is
// not in the error, its codes are.
func (s *SMTP) Send(ctx context.Context, m Mail) error {
	l, err := letter(s.cfg.From, m)
	if err != nil {
		return err
	}
	ctx, stop := context.WithTimeout(ctx, s.cfg.Timeout)
	defer stop()
	conn, err := s.client.DialToSMTPClientWithContext(ctx)
	if err != nil {
		return fmt.Errorf("mail: server %s: %w: %w", s.cfg.Address, ErrAway, err)
	}
	err = s.client.SendWithSMTPClient(conn, l)
	// The server has answered for the message; how it says goodbye is nothing.
	_ = s.client.CloseWithSMTPClient(conn)
	if err == nil || l.IsDelivered() {
		return nil
	}
	var said *mail.SendError
	if !errors.As(err, &said) {
		return fmt.Errorf("mail: server %s: %w", s.cfg.Address, ErrAway)
	}
	what := fmt.Sprintf("mail: server %s: %s: status %d %s", s.cfg.Address, said.Reason, said.ErrorCode(), said.EnhancedStatusCode())
	switch {
	case said.ErrorCode() >= 500 && said.Reason != mail.ErrSMTPMailFrom:
		return fmt.Errorf("%s: %w", strings.TrimSpace(what), ErrRefused)
	case said.ErrorCode() == 0 || said.Reason == mail.ErrSMTPMailFrom:
		return fmt.Errorf("%s: %w", strings.TrimSpace(what), ErrAway) // about the server or the sender, not this message
	}
	return errors.New(strings.TrimSpace(what))
}
