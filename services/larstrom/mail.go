package main

import (
	"errors"
	"fmt"
	"net/url"
	"strings"

	"larstrom/services/larstrom/app"
	"larstrom/services/notifier"
)

// mailFlags are where the messages to people go. Settings of a mail server are
// never in a catalog.
type mailFlags struct {
	MailServer       string `name:"mail-server" env:"LARSTROM_MAIL_SERVER" placeholder:"HOST:PORT" help:"Tell people of their tasks through this mail server; encrypted (STARTTLS) unless it is on this machine (default: nobody is written to)."`
	MailOutbox       string `name:"mail-outbox" env:"LARSTROM_MAIL_OUTBOX" placeholder:"DIR" help:"Tell people of their tasks by files in DIR/outbox, for another program to send (default: none)."`
	MailFrom         string `name:"mail-from" env:"LARSTROM_MAIL_FROM" placeholder:"ADDRESS" help:"Sender of the messages; needed by --mail-server and --mail-outbox."`
	MailUser         string `name:"mail-user" env:"LARSTROM_MAIL_USER" placeholder:"NAME" help:"User at the mail server (default: nobody logs in)."`
	MailPasswordFile string `name:"mail-password-file" env:"LARSTROM_MAIL_PASSWORD_FILE" placeholder:"FILE" help:"File with the password at the mail server (default: the variable LARSTROM_MAIL_PASSWORD)."`
	MailPages        string `name:"mail-pages" env:"LARSTROM_MAIL_PAGES" placeholder:"URL" help:"Address at which people reach the portal, for the links in messages (default: they have none)."`
}

const envMailPassword = "LARSTROM_MAIL_PASSWORD" //nolint:gosec // the name of a variable is no secret

// pages is the address for links, without a slash at its end.
func (m *mailFlags) pages() (string, error) {
	if m.MailPages == "" {
		return "", nil
	}
	u, err := url.Parse(m.MailPages)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return "", &usageError{fmt.Sprintf("--mail-pages %q: write https://HOST", m.MailPages)}
	}
	return strings.TrimRight(m.MailPages, "/"), nil
}

// notify is what the flags say.
func (m *mailFlags) notify(getenv func(string) string) (app.Notify, error) {
	pages, wrong := m.pages()
	sink, err := m.sink(getenv)
	return app.Notify{Sink: sink, Pages: pages}, errors.Join(wrong, err)
}

// sink is what takes messages; nil: nobody is written to.
func (m *mailFlags) sink(getenv func(string) string) (notifier.Sink, error) {
	switch {
	case m.MailServer == "" && m.MailOutbox == "":
		if m.MailFrom != "" || m.MailUser != "" || m.MailPasswordFile != "" || m.MailPages != "" {
			return nil, &usageError{"name --mail-server or --mail-outbox; the other --mail flags belong to them"}
		}
		return nil, nil //nolint:nilnil // no sink is no fault
	case m.MailServer != "" && m.MailOutbox != "":
		return nil, &usageError{"--mail-server and --mail-outbox: choose one"}
	case m.MailFrom == "":
		return nil, &usageError{"--mail-from is needed: the address that messages come from"}
	case m.MailOutbox != "":
		return notifier.NewOutbox(m.MailOutbox, m.MailFrom)
	}
	cfg := notifier.SMTPConfig{Address: m.MailServer, From: m.MailFrom, User: m.MailUser}
	if cfg.User != "" {
		cfg.Password = getenv(envMailPassword)
	}
	if m.MailPasswordFile != "" {
		var err error
		if cfg.Password, err = readPassword(m.MailPasswordFile); err != nil {
			return nil, fmt.Errorf("the password of --mail-user: %w", err)
		}
	}
	s, err := notifier.NewSMTP(cfg)
	if err != nil {
		return nil, errors.Join(err, &usageError{"see --mail-server, --mail-from, --mail-user and --mail-password-file"})
	}
	return s, nil
}
