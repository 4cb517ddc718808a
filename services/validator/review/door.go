package review

import (
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"larstrom/pipeline/catalog"
)

// How many wrong tokens a host has in a window; then it waits for the next.
const (
	mostFailures  = 10
	failureWindow = time.Minute
	mostHosts     = 10_000
)

// door counts wrong tokens by host.
type door struct {
	clock func() time.Time

	mu       sync.Mutex
	failures map[string]failures
}

type failures struct {
	since time.Time
	n     int
}

// wait is how long the host has to wait; 0: not at all.
func (d *door) wait(host string) time.Duration {
	d.mu.Lock()
	defer d.mu.Unlock()
	now := d.clock()
	if len(d.failures) >= mostHosts {
		for h, f := range d.failures {
			if !now.Before(f.since.Add(failureWindow)) {
				delete(d.failures, h)
			}
		}
	}
	f, known := d.failures[host]
	switch end := f.since.Add(failureWindow); {
	case !known && len(d.failures) >= mostHosts:
		return failureWindow
	case known && f.n >= mostFailures && now.Before(end):
		return end.Sub(now)
	}
	return 0
}

func (d *door) failed(host string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	now, f := d.clock(), d.failures[host]
	if !now.Before(f.since.Add(failureWindow)) {
		f = failures{since: now}
	}
	f.n++
	d.failures[host] = f
}

// private reports whether nobody on the way could read the request: it is
// encrypted, does not leave this machine, or a proxy has seen to it.
func (h *Handler) private(r *http.Request) bool {
	if r.TLS != nil || h.cfg.BehindProxy {
		return true
	}
	local, _ := r.Context().Value(http.LocalAddrContextKey).(net.Addr)
	tcp, ok := local.(*net.TCPAddr)
	return ok && tcp.IP.IsLoopback()
}

// person is who asks.
func (h *Handler) person(w http.ResponseWriter, r *http.Request) (catalog.Person, *Problem) {
	if !h.private(r) {
		return catalog.Person{}, problem(http.StatusForbidden, "clear-text", "The connection is not encrypted",
			"a personal token would go through the network in clear text",
			"use https://; the operator gives the process a certificate (--tls-cert, --tls-key), or says that a proxy encrypts (--behind-proxy)")
	}
	if r.Header.Get("Authorization") == "" && h.cfg.Sessions != nil {
		if id, ok := h.cfg.Sessions.Person(r); ok {
			if err := h.sameOrigin.Check(r); err != nil {
				return catalog.Person{}, problem(http.StatusForbidden, "cross-origin", "A session counts for its own pages only",
					"the request comes from another origin", "send the personal token in the Authorization header instead")
			}
			if p, ok := h.index.Person(id); ok {
				return *p, nil
			}
		}
	}
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		host = r.RemoteAddr
	}
	if wait := h.door.wait(host); wait > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(int(wait/time.Second)+1))
		return catalog.Person{}, problem(http.StatusTooManyRequests, "busy", "Too many wrong tokens came from there", "", "wait a minute")
	}
	token, bearer := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	if bearer && token != "" {
		if p, ok := h.index.PersonByToken(token); ok {
			return *p, nil
		}
		h.door.failed(host)
	}
	w.Header().Set("WWW-Authenticate", "Bearer")
	return catalog.Person{}, problem(http.StatusUnauthorized, "token", "No person has this token", "",
		"send Authorization: Bearer TOKEN with your personal token; the operator makes one with larstrom token and writes its SHA-256 under people in the catalog")
}
