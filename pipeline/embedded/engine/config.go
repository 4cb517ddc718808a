package engine

import (
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"
)

// Config says how to run one engine. The zero value of every field but Path and
// Logger is usable.
type Config struct {
	// Path is the data directory. It is created when missing, and locked while
	// the engine runs. Required.
	Path string

	// Databases are created at start when missing. The first is the database of
	// connections from Options and Open; without any it is "default".
	Databases []string

	// Library is the file name of libchdb. Empty: FindLibrary decides.
	Library string

	// Listen is the address of the private listener that Options and Open use.
	// Empty: a free port on 127.0.0.1, a new one after every restart.
	Listen string

	// Listeners are further addresses with their own user, secret and policy,
	// for Grafana for instance.
	Listeners []Listener

	// MaxMemory bounds the engine's memory in bytes (max_server_memory_usage).
	// 0: half of the machine's memory. The engine lowers values above nine
	// tenths of it.
	MaxMemory int64

	// MaxQueryMemory bounds one query's memory in bytes (max_memory_usage).
	// 0: half of MaxMemory. Queries cannot raise it.
	MaxQueryMemory int64

	// MaxConcurrent is how many queries may run at once; more wait in a queue.
	// 0: 32.
	MaxConcurrent int

	// Settings are defaults for every query, over the engine's own. A query may
	// override them; async_insert it may not.
	Settings map[string]string

	// NoSync leaves MergeTree tables without fsync after an insert. An
	// acknowledged insert then survives the end of the process but perhaps not
	// that of the machine.
	NoSync bool

	// Command runs the child. Empty: this executable with the argument "engine".
	// Its first line of standard input is the child's configuration.
	Command []string

	// Env is added to the environment of the child.
	Env []string

	// StartTimeout bounds the time from spawning the child to its first answer.
	// 0: 60 s, for opening a data directory with many parts takes time.
	StartTimeout time.Duration

	// StopTimeout bounds an orderly stop; after it the child is killed. 0: 15 s.
	StopTimeout time.Duration

	// DownTimeout is how long a new connection waits for an engine that is
	// being started again before it fails with ErrDown. 0: 20 s.
	DownTimeout time.Duration

	// MaxBackoff caps the pause between restarts, which starts at 50 ms and
	// doubles. 0: 5 s.
	MaxBackoff time.Duration

	// OnRestart, when set, is called before each restart with the number of
	// restarts so far and what ended the child. It must not block.
	OnRestart func(restarts int, cause error)

	// Logger receives the supervisor's and the child's log lines. Required.
	Logger *slog.Logger
}

// Listener is an additional address of the engine's HTTP interface.
type Listener struct {
	Addr     string `json:"addr"`     // host:port; port 0 picks a free one
	User     string `json:"user"`     // required
	Password string `json:"password"` // required
	Database string `json:"database"` // the database of requests that name none; empty: Config's first
	Policy   Policy `json:"policy"`
}

// Policy is what requests of one listener may do. The zero value allows
// everything that the engine allows.
type Policy struct {
	// ReadOnly runs every query with readonly=1: no statement that changes
	// anything, no table function that reaches files or the network, no
	// SETTINGS clause.
	ReadOnly bool `json:"read_only,omitempty"`

	// AllowSettings, when not nil, are the only settings that a request may
	// carry in its URL. Others are refused.
	AllowSettings []string `json:"allow_settings,omitempty"`

	// IgnoreSettings are accepted in a URL without effect: what a client sends
	// unasked and the policy does not allow.
	IgnoreSettings []string `json:"ignore_settings,omitempty"`

	// Settings are set for every query, after those of the request.
	Settings map[string]string `json:"settings,omitempty"`

	// Limits bound settings that are numbers where 0 means "without limit". Every
	// query has them; a request may ask for less, and gets no more.
	Limits map[string]uint64 `json:"limits,omitempty"`

	// Tables, when not nil, are the only tables and views that queries of this
	// listener can read, each as database.name. The engine itself refuses all
	// others, so a view must be one with SQL SECURITY DEFINER. Besides, such a
	// listener answers only questions (SELECT, SHOW TABLES, DESCRIBE TABLE) about
	// its own database, without functions and settings that reach elsewhere: see
	// guard. Needs ReadOnly, AllowSettings and the listener's Database.
	Tables []string `json:"tables,omitempty"`

	// MaxConcurrent is how many requests of this listener may run at once, and
	// MaxWaiting how many more may wait for their turn; the next one is answered
	// with status 503. 0: as many as the engine runs, and waiting without bound.
	MaxConcurrent int `json:"max_concurrent,omitempty"`
	MaxWaiting    int `json:"max_waiting,omitempty"`

	// MaxRequest bounds the body of a request in bytes, before and after it is
	// decompressed. 0: only a statement is bounded, at 16 MiB.
	MaxRequest int64 `json:"max_request,omitempty"`
}

// settable are the settings that a request may carry.
func (p Policy) settable() []string {
	return slices.Concat(p.AllowSettings, p.IgnoreSettings, slices.Collect(maps.Keys(p.Limits)))
}

// problems says what is wrong with a listener's policy.
func (l Listener) problems() []string {
	var out []string
	p := l.Policy
	for name := range p.Settings {
		if !identifier.MatchString(name) {
			out = append(out, fmt.Sprintf("%q is not a setting's name", name))
		}
	}
	for name, most := range p.Limits {
		if !identifier.MatchString(name) || most == 0 {
			out = append(out, fmt.Sprintf("the limit %q = %d needs a setting's name and a number above 0", name, most))
		}
		if _, twice := p.Settings[name]; twice {
			out = append(out, fmt.Sprintf("%s is both a setting and a limit", name))
		}
	}
	if p.Tables != nil && (!p.ReadOnly || p.AllowSettings == nil || l.Database == "") {
		out = append(out, "tables need read_only, allow_settings (none is an empty list) and the listener's database")
	}
	for _, table := range p.Tables {
		if database, name, ok := strings.Cut(table, "."); !ok || !identifier.MatchString(database) || !identifier.MatchString(name) {
			out = append(out, fmt.Sprintf("the table %q is not of the form database.name", table))
		}
	}
	if p.MaxConcurrent < 0 || p.MaxWaiting < 0 || p.MaxRequest < 0 {
		out = append(out, "a maximum is negative; 0 means none")
	}
	return out
}

// Validate reports every problem of the configuration at once.
func (c Config) Validate() error {
	var errs []error
	bad := func(format string, args ...any) {
		errs = append(errs, fmt.Errorf("engine config: "+format, args...))
	}
	if c.Path == "" {
		bad("path: is empty; name the data directory")
	} else if filepath.Clean(c.Path) == string(filepath.Separator) {
		bad("path: %q is the root directory; name a directory of the engine's own", c.Path)
	}
	// The engine expands patterns in the whole name of a file that it reads rows
	// from: under such a path it would find no file, and insert nothing, silently.
	if abs, err := filepath.Abs(c.Path); err == nil && strings.ContainsAny(abs, patternCharacters) {
		bad("path: %q has one of %s, which the engine takes for a pattern; use another path", abs, patternCharacters)
	}
	if c.Logger == nil {
		bad("logger: is nil; pass one (slog.New(slog.DiscardHandler) for none)")
	}
	for _, name := range c.Databases {
		if !identifier.MatchString(name) {
			bad("databases: %q is not a plain identifier (letters, digits, underscore)", name)
		}
	}
	for name := range c.Settings {
		if !identifier.MatchString(name) {
			bad("settings: %q is not a setting's name", name)
		}
		if slices.Contains(lockedSettings(), name) {
			bad("settings: %s is fixed by the engine; leave it out", name)
		}
	}
	for _, v := range []struct {
		name  string
		value int64
	}{
		{"max memory", c.MaxMemory}, {"max query memory", c.MaxQueryMemory}, {"max concurrent", int64(c.MaxConcurrent)},
		{"start timeout", int64(c.StartTimeout)}, {"stop timeout", int64(c.StopTimeout)},
		{"down timeout", int64(c.DownTimeout)}, {"max backoff", int64(c.MaxBackoff)},
	} {
		if v.value < 0 {
			bad("%s: is negative; 0 means the default", v.name)
		}
	}
	if c.Listen != "" {
		if _, _, err := net.SplitHostPort(c.Listen); err != nil {
			bad("listen: %q: want host:port: %w", c.Listen, err)
		}
	}
	for i, l := range c.Listeners {
		if _, _, err := net.SplitHostPort(l.Addr); err != nil {
			bad("listeners[%d]: address %q: want host:port: %w", i, l.Addr, err)
		}
		if l.User == "" || l.Password == "" {
			bad("listeners[%d]: user and password are required", i)
		}
		if l.Database != "" && !identifier.MatchString(l.Database) {
			bad("listeners[%d]: database %q is not a plain identifier", i, l.Database)
		}
		for _, problem := range l.problems() {
			bad("listeners[%d]: policy: %s", i, problem)
		}
	}
	return errors.Join(errs...)
}

const patternCharacters = "*?{}"

// identifier is what names of databases and settings look like here; anything
// else would have to be quoted, and nothing of ours needs it.
var identifier = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]{0,127}$`)

func (c Config) withDefaults() Config {
	pick := func(d *time.Duration, v time.Duration) {
		if *d == 0 {
			*d = v
		}
	}
	pick(&c.StartTimeout, time.Minute)
	pick(&c.StopTimeout, 15*time.Second)
	pick(&c.DownTimeout, 20*time.Second)
	pick(&c.MaxBackoff, 5*time.Second)
	if c.Listen == "" {
		c.Listen = "127.0.0.1:0"
	}
	if c.MaxMemory == 0 {
		c.MaxMemory = machineMemory() / 2
	}
	if c.MaxQueryMemory == 0 {
		c.MaxQueryMemory = c.MaxMemory / 2
	}
	if c.MaxConcurrent == 0 {
		c.MaxConcurrent = 32
	}
	if len(c.Databases) == 0 {
		c.Databases = []string{"default"}
	}
	return c
}
