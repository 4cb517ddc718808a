package portal

import (
	"crypto/rand"
	"net/http"
	"sync"
	"time"
)

// sessionCookie carries a session; it tells nothing of the person.
const sessionCookie = "larstrom-session"

// How long a session lasts, and how many there may be.
const (
	sessionTime  = 8 * time.Hour
	idleSession  = time.Hour
	mostSessions = 1000
)

// Sessions are those of people who have shown their token to a browser's
// portal. They are in memory: a restart ends them.
type Sessions struct {
	clock func() time.Time

	mu   sync.Mutex
	open map[string]session
}

type session struct {
	person      string
	begun, used time.Time
}

// NewSessions has no session yet.
func NewSessions(clock func() time.Time) *Sessions {
	return &Sessions{clock: clock, open: map[string]session{}}
}

// Person is the id of the person of the request's session.
func (s *Sessions) Person(r *http.Request) (id string, ok bool) {
	c, err := r.Cookie(sessionCookie)
	if s == nil || err != nil {
		return "", false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	is, ok := s.open[c.Value]
	if !ok {
		return "", false
	}
	now := s.clock()
	if is.over(now) {
		delete(s.open, c.Value)
		return "", false
	}
	is.used = now
	s.open[c.Value] = is
	return is.person, true
}

func (s session) over(now time.Time) bool {
	return !now.Before(s.begun.Add(sessionTime)) || !now.Before(s.used.Add(idleSession))
}

// begin opens a session for a person who has shown her token; false: there are
// too many.
func (s *Sessions) begin(w http.ResponseWriter, r *http.Request, person string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.clock()
	for k, o := range s.open {
		if o.over(now) {
			delete(s.open, k)
		}
	}
	if len(s.open) >= mostSessions {
		return false
	}
	key := rand.Text()
	s.open[key] = session{person, now, now}
	setCookie(w, r, sessionCookie, key, 0)
	return true
}

// end closes the request's session.
func (s *Sessions) end(w http.ResponseWriter, r *http.Request) {
	if c, err := r.Cookie(sessionCookie); err == nil {
		s.mu.Lock()
		delete(s.open, c.Value)
		s.mu.Unlock()
	}
	setCookie(w, r, sessionCookie, "", -1)
}

// setCookie sets a cookie that scripts cannot read and that comes back from
// these pages alone, and encrypted where it was set encrypted. The age is in
// seconds: 0 lasts as long as the browser, less ends it.
func setCookie(w http.ResponseWriter, r *http.Request, name, value string, age int) {
	//nolint:gosec // the pages are also read in clear text, on loopback and behind a proxy, where a Secure cookie need not come back
	http.SetCookie(w, &http.Cookie{Name: name, Value: value, Path: "/", HttpOnly: true, Secure: r.TLS != nil, SameSite: http.SameSiteStrictMode, MaxAge: age})
}
