package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"sync"
	"time"

	"larstrom/services/portal"
)

// listenFlags are how a process is reached over a network.
type listenFlags struct {
	TLSCert     string `name:"tls-cert" placeholder:"FILE" help:"Certificate (PEM, with its chain) for --listen; read again when it is renewed (default: none, and nothing is encrypted)."`
	TLSKey      string `name:"tls-key" placeholder:"FILE" help:"Private key of --tls-cert (PEM)."`
	BehindProxy bool   `name:"behind-proxy" help:"Take uploads without TLS: a proxy encrypts, and nobody can pass it by."`
}

// listen opens the address, encrypted where there is a certificate.
func (f *listenFlags) listen(ctx context.Context, addr string, log *slog.Logger) (net.Listener, error) {
	var config *tls.Config
	if f.TLSCert != "" || f.TLSKey != "" {
		c, err := newCertificate(f.TLSCert, f.TLSKey, log)
		if err != nil {
			return nil, err
		}
		config = &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: c.get, NextProtos: []string{"h2", "http/1.1"}}
	}
	l, err := portal.Listen(ctx, addr)
	if err != nil || config == nil {
		return l, err
	}
	return tls.NewListener(l, config), nil
}

// certificate is a pair of files that a renewal replaces.
type certificate struct {
	cert, key string
	log       *slog.Logger

	mu     sync.Mutex
	loaded *tls.Certificate
	at     [2]time.Time // when the files were written
	looked time.Time
}

// lookAgain is how often the files are looked at.
const lookAgain = time.Second

func newCertificate(cert, key string, log *slog.Logger) (*certificate, error) {
	if cert == "" || key == "" {
		return nil, &usageError{"--tls-cert and --tls-key go together; name both files"}
	}
	c := &certificate{cert: cert, key: key, log: log}
	if err := c.load(); err != nil {
		return nil, fmt.Errorf("the certificate of --tls-cert: %w", err)
	}
	return c, nil
}

func (c *certificate) written() (at [2]time.Time, err error) {
	for i, name := range []string{c.cert, c.key} {
		info, statErr := os.Stat(name)
		if statErr != nil {
			return at, errors.Join(err, statErr)
		}
		at[i] = info.ModTime()
	}
	return at, nil
}

func (c *certificate) load() error {
	at, err := c.written()
	if err != nil || c.loaded != nil && at == c.at {
		return err
	}
	pair, err := tls.LoadX509KeyPair(c.cert, c.key)
	if err != nil {
		return err
	}
	c.loaded, c.at = &pair, at
	return nil
}

// get is the certificate for a new connection. While a renewal is half done the
// one before stays.
func (c *certificate) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if now := time.Now(); now.Sub(c.looked) >= lookAgain {
		c.looked = now
		if err := c.load(); err != nil {
			c.log.Warn("the certificate cannot be read again; the one before stays", "error", err.Error())
		}
	}
	return c.loaded, nil
}

// private takes a request with a token only over a line that nobody reads: one
// that is encrypted, stays on this machine, or comes from a proxy that has seen
// to it.
func private(next http.Handler, behindProxy bool) http.Handler {
	if behindProxy {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		local, _ := r.Context().Value(http.LocalAddrContextKey).(net.Addr)
		if tcp, ok := local.(*net.TCPAddr); r.TLS == nil && (!ok || !tcp.IP.IsLoopback()) {
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(http.StatusForbidden)
			_, _ = w.Write([]byte(`{"code":"forbidden","message":"the connection is not encrypted: use https://, for which the process has --tls-cert and --tls-key or, behind a proxy that encrypts, --behind-proxy"}` + "\n"))
			return
		}
		next.ServeHTTP(w, r)
	})
}
