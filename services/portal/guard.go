package portal

import (
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// submitPath is where source operators hand in exports, with a token of its own.
const submitPath = "/v1/submit"

// secure sets what a browser must know of every answer, also of refusals.
// Forms go to the portal only.
func secure(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; "+
			"base-uri 'none'; form-action 'self'; frame-ancestors 'none'")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cache-Control", "no-store")
		next.ServeHTTP(w, r)
	})
}

func isLoopback(a net.Addr) bool {
	tcp, ok := a.(*net.TCPAddr)
	return ok && tcp.IP.IsLoopback()
}

// ownNames answers requests to this machine's own names only. An export comes
// with a token, which no foreign page has.
func ownNames(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != submitPath && !isOwnName(r.Host) {
			http.Error(w, "this portal listens on this machine only: open it as http://127.0.0.1 or http://localhost, with its port", http.StatusMisdirectedRequest)
			return
		}
		next.ServeHTTP(w, r)
	})
}

func isOwnName(hostport string) bool {
	host, port, err := net.SplitHostPort(hostport)
	if err != nil {
		host = hostport
	} else if _, err := strconv.ParseUint(port, 10, 16); err != nil {
		return false
	}
	switch strings.ToLower(host) {
	case "localhost", "127.0.0.1", "::1", "[::1]":
		return true
	}
	return false
}

// mounted gives what is under the paths of m to it, whatever the method and the
// name: no foreign page has the token that it asks for.
func mounted(m Mounted, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if slices.ContainsFunc(m.Paths(), func(path string) bool {
			return r.URL.Path == path || strings.HasSuffix(path, "/") && strings.HasPrefix(r.URL.Path, path)
		}) {
			m.ServeHTTP(w, r)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// How many wrong logins a host has in a window; then it waits for the next.
const (
	mostFailures  = 10
	failureWindow = time.Minute
	mostHosts     = 10_000
)

// door lets in who has a token.
type door struct {
	login Login
	clock func() time.Time

	mu       sync.Mutex
	failures map[string]*failures // by host
}

type failures struct {
	since time.Time
	n     int
}

func newDoor(login Login, clock func() time.Time) *door {
	return &door{login: login, clock: clock, failures: map[string]*failures{}}
}

// require asks for a staff id and its token (HTTP Basic) before h.
func (d *door) require(h http.HandlerFunc) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if d.login == nil {
			http.Error(w, "these pages are shown on this machine only, for nobody can log in here", http.StatusForbidden)
			return
		}
		host, _, err := net.SplitHostPort(r.RemoteAddr)
		if err != nil {
			host = r.RemoteAddr
		}
		id, token, given := r.BasicAuth()
		if given {
			if wait := d.wait(host); wait > 0 {
				w.Header().Set("Retry-After", strconv.Itoa(int(wait/time.Second)+1))
				http.Error(w, "too many wrong logins; wait a minute", http.StatusTooManyRequests)
				return
			}
			if d.login.Login(r.Context(), id, token) {
				h(w, r.WithContext(as(r.Context(), id)))
				return
			}
			d.failed(host)
		}
		w.Header().Set("WWW-Authenticate", `Basic realm="Larstrom: staff id and personal token", charset="UTF-8"`)
		http.Error(w, "log in with your staff id and your personal token", http.StatusUnauthorized)
	})
}

// wait is how long the host has to wait; 0: not at all.
func (d *door) wait(host string) time.Duration {
	d.mu.Lock()
	defer d.mu.Unlock()
	now := d.clock()
	f := d.failures[host]
	if f == nil {
		if d.forget(now); len(d.failures) >= mostHosts {
			return failureWindow
		}
		return 0
	}
	if end := f.since.Add(failureWindow); f.n >= mostFailures && now.Before(end) {
		return end.Sub(now)
	}
	return 0
}

func (d *door) failed(host string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	now := d.clock()
	f := d.failures[host]
	if f == nil || !now.Before(f.since.Add(failureWindow)) {
		f = &failures{since: now}
		d.failures[host] = f
	}
	f.n++
}

// forget drops windows that have passed, when there are many.
func (d *door) forget(now time.Time) {
	if len(d.failures) < mostHosts {
		return
	}
	for host, f := range d.failures {
		if !now.Before(f.since.Add(failureWindow)) {
			delete(d.failures, host)
		}
	}
}
