package engine

import (
	"bufio"
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/sourcegraph/conc"
)

// user is the name that the private listener knows.
const user = "larstrom"

// Engine is a running embedded engine: a child process and its supervisor.
type Engine struct {
	cfg      Config
	secret   string
	config   []byte // the child's first line of input
	restarts atomic.Int64

	closing context.Context
	close   context.CancelFunc
	tasks   conc.WaitGroup

	mu      sync.Mutex
	state   state
	changed chan struct{} // closed and replaced when state changes
}

// state is the child as connections see it. A zero state is an engine that is
// down.
type state struct {
	child *child
	addrs []string
	err   error // why it is down, as far as known
}

// Start spawns the child and waits until it answers; ctx bounds that wait only.
// Afterwards a child that dies is started again until Close.
func Start(ctx context.Context, cfg Config) (*Engine, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	cfg = cfg.withDefaults()
	path, err := filepath.Abs(cfg.Path)
	if err != nil {
		return nil, fmt.Errorf("engine: data path: %w", err)
	}
	cfg.Path = path
	if cfg.Library == "" {
		if cfg.Library, err = FindLibrary(); err != nil {
			return nil, fmt.Errorf("engine: %w", err)
		}
	}
	if cfg.Library, err = filepath.Abs(cfg.Library); err != nil {
		return nil, fmt.Errorf("engine: library: %w", err)
	}
	if len(cfg.Command) == 0 {
		exe, err := os.Executable()
		if err != nil {
			return nil, fmt.Errorf("engine: own executable: %w", err)
		}
		cfg.Command = []string{exe, "engine"}
	}
	e := &Engine{cfg: cfg, secret: rand.Text(), changed: make(chan struct{})}
	level := slog.LevelWarn
	if cfg.Logger.Enabled(ctx, slog.LevelDebug) {
		level = slog.LevelDebug
	}
	e.config, err = json.Marshal(childConfig{
		Path: cfg.Path, Databases: cfg.Databases, Library: cfg.Library,
		Listeners: append([]Listener{{Addr: cfg.Listen, User: user, Password: e.secret}}, cfg.Listeners...),
		MaxMemory: cfg.MaxMemory, MaxQueryMemory: cfg.MaxQueryMemory, MaxConcurrent: cfg.MaxConcurrent,
		Settings: cfg.Settings, Sync: !cfg.NoSync, LogLevel: level,
		LockWait: cfg.StopTimeout, StopWait: cfg.StopTimeout / 3,
	})
	if err != nil {
		return nil, fmt.Errorf("engine: configuration of the child: %w", err)
	}
	e.closing, e.close = context.WithCancel(context.Background())

	c, err := e.spawn(ctx)
	if err != nil {
		e.close()
		return nil, err
	}
	e.set(state{child: c, addrs: c.addrs})
	e.tasks.Go(func() { e.supervise(c) })
	return e, nil
}

// supervise starts a child again when the last one has ended, until Close.
func (e *Engine) supervise(c *child) {
	const firstPause = 50 * time.Millisecond
	pause, started := firstPause, time.Now()
	for {
		select {
		case <-e.closing.Done():
			c.stop(e.cfg.StopTimeout)
			e.set(state{err: ErrClosed})
			return
		case <-c.done:
		}
		cause := c.cause()
		for {
			e.set(state{err: cause})
			n := int(e.restarts.Add(1))
			e.cfg.Logger.Error("the embedded engine ended; starting it again", "restarts", n, "cause", cause, "pause", pause)
			if e.cfg.OnRestart != nil {
				e.cfg.OnRestart(n, cause)
			}
			if time.Since(started) > time.Minute {
				pause = firstPause
			}
			timer := time.NewTimer(pause)
			select {
			case <-e.closing.Done():
				timer.Stop()
				e.set(state{err: ErrClosed})
				return
			case <-timer.C:
			}
			pause, started = min(2*pause, e.cfg.MaxBackoff), time.Now()
			next, err := e.spawn(e.closing)
			if err == nil {
				c = next
				e.set(state{child: c, addrs: c.addrs})
				break
			}
			cause = err
		}
	}
}

func (e *Engine) set(s state) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.state = s
	close(e.changed)
	e.changed = make(chan struct{})
}

func (e *Engine) get() (state, <-chan struct{}) {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.state, e.changed
}

// Addr is the address of the private listener, or "" while the engine is down.
// It changes with a restart unless Config.Listen names a port.
func (e *Engine) Addr() string {
	s, _ := e.get()
	if len(s.addrs) == 0 {
		return ""
	}
	return s.addrs[0]
}

// ListenerAddrs are the addresses of Config.Listeners in their order, or nil
// while the engine is down.
func (e *Engine) ListenerAddrs() []string {
	s, _ := e.get()
	if len(s.addrs) == 0 {
		return nil
	}
	return slices.Clone(s.addrs[1:])
}

// Pid is the process id of the child, or 0 while the engine is down.
func (e *Engine) Pid() int {
	s, _ := e.get()
	if s.child == nil {
		return 0
	}
	return s.child.cmd.Process.Pid
}

// Restarts is how often the child had to be started again.
func (e *Engine) Restarts() int { return int(e.restarts.Load()) }

// User and Secret authenticate on the private listener. The secret is random and
// belongs to this Engine: it outlives restarts of the child, not the Engine.
func (e *Engine) User() string   { return user }
func (e *Engine) Secret() string { return e.secret }

// Options are the options of a clickhouse-go connection to the private listener.
// Such a connection survives restarts: a query under way fails, the next one waits
// up to Config.DownTimeout for the engine and then fails with ErrDown. Callers may
// change the copy that they get; compression is off, for both ends share the
// machine.
func (e *Engine) Options() *clickhouse.Options {
	return &clickhouse.Options{
		Protocol: clickhouse.HTTP,
		// A name for logs. DialContext knows where the engine is.
		Addr:        []string{"127.0.0.1:8123"},
		Auth:        clickhouse.Auth{Database: e.cfg.Databases[0], Username: user, Password: e.secret},
		DialContext: func(ctx context.Context, _ string) (net.Conn, error) { return e.dial(ctx) },
		// Also the wait for a free connection of the pool.
		DialTimeout:  e.cfg.DownTimeout + 30*time.Second,
		MaxOpenConns: e.cfg.MaxConcurrent + 8,
		MaxIdleConns: e.cfg.MaxConcurrent,
		// The wait for a query's first byte: as long as the query's context allows.
		ReadTimeout: 30 * 24 * time.Hour,
	}
}

// Open opens a clickhouse-go connection with Options. The caller closes it.
func (e *Engine) Open() (driver.Conn, error) {
	conn, err := clickhouse.Open(e.Options())
	if err != nil {
		return nil, fmt.Errorf("engine: open a connection: %w", err)
	}
	return conn, nil
}

// dial connects to the child of the moment.
func (e *Engine) dial(ctx context.Context) (net.Conn, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, e.cfg.DownTimeout, ErrDown)
	defer cancel()
	var last error
	for {
		s, changed := e.get()
		if errors.Is(s.err, ErrClosed) {
			return nil, ErrClosed
		}
		if s.child != nil {
			conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", s.addrs[0])
			if err == nil {
				return conn, nil
			}
			// It died a moment ago, and the supervisor is about to notice.
			last = err
		} else {
			last = s.err
		}
		select {
		case <-changed:
		case <-ctx.Done():
			if errors.Is(context.Cause(ctx), ErrDown) {
				return nil, fmt.Errorf("%w (after waiting %s): %w", ErrDown, e.cfg.DownTimeout, last)
			}
			return nil, context.Cause(ctx)
		}
	}
}

// Close stops the child in good order within Config.StopTimeout, then kills it.
// Closing twice is fine.
func (e *Engine) Close() error {
	e.close()
	e.tasks.Wait()
	return nil
}

// child is one process.
type child struct {
	cmd    *exec.Cmd
	stdin  io.WriteCloser
	addrs  []string
	tasks  conc.WaitGroup
	done   chan struct{} // closed when the process is gone and its output read
	err    error         // of Wait; after done
	stderr tail
}

// spawn starts a process and waits until it is ready.
func (e *Engine) spawn(ctx context.Context) (*child, error) {
	cmd := exec.Command(e.cfg.Command[0], e.cfg.Command[1:]...) //nolint:noctx // ctx bounds the start alone; after it the supervisor owns the child, and ends it by child.stop
	cmd.Env = append(os.Environ(), e.cfg.Env...)
	// Signals of the terminal are for the parent, which stops the child itself.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return nil, fmt.Errorf("engine: spawn: %w", err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return nil, fmt.Errorf("engine: spawn: %w", err)
	}
	stderr, err := cmd.StderrPipe()
	if err != nil {
		return nil, fmt.Errorf("engine: spawn: %w", err)
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("engine: spawn %s: %w", e.cfg.Command[0], err)
	}
	c := &child{cmd: cmd, stdin: stdin, done: make(chan struct{})}
	ready := make(chan childReady, 1)
	c.tasks.Go(func() {
		out := bufio.NewReader(stdout)
		line, _ := out.ReadBytes('\n')
		var r childReady
		if json.Unmarshal(line, &r) == nil && r.Addr != "" {
			ready <- r
		}
		_, _ = io.Copy(io.Discard, out)
	})
	c.tasks.Go(func() { c.logLines(stderr, e.cfg.Logger) })
	e.tasks.Go(func() {
		c.tasks.Wait() // before Wait, which closes the pipes
		c.err = cmd.Wait()
		close(c.done)
	})
	// In a task of its own: a child that never reads must not block the start.
	c.tasks.Go(func() { _, _ = stdin.Write(append(slices.Clone(e.config), '\n')) })

	timer := time.NewTimer(e.cfg.StartTimeout)
	defer timer.Stop()
	select {
	case r := <-ready:
		c.addrs = r.Addrs
		return c, nil
	case <-c.done:
		return nil, fmt.Errorf("engine: the child ended before it was ready: %w", c.cause())
	case <-timer.C:
		err = fmt.Errorf("engine: the child was not ready after %s: %s", e.cfg.StartTimeout, c.stderr.text())
	case <-ctx.Done():
		err = fmt.Errorf("engine: start: %w", context.Cause(ctx))
	}
	c.stop(0)
	return nil, err
}

// stop ends the process: first by the end of its input, after grace by force.
func (c *child) stop(grace time.Duration) {
	_ = c.stdin.Close()
	timer := time.NewTimer(grace)
	defer timer.Stop()
	select {
	case <-c.done:
		return
	case <-timer.C:
	}
	_ = c.cmd.Process.Kill()
	<-c.done
}

// cause says why the process ended; after done.
func (c *child) cause() error {
	err := c.err
	if err == nil {
		err = errors.New("it ended by itself")
	}
	text := c.stderr.text()
	switch {
	case strings.Contains(text, ErrLocked.Error()):
		return fmt.Errorf("%w: %s", ErrLocked, text)
	case text != "":
		return fmt.Errorf("%w: %s", err, text)
	}
	return err
}

// logLines passes the child's log lines on. Lines that are not ours are the
// library's, or a crash.
func (c *child) logLines(r io.Reader, log *slog.Logger) {
	lines := bufio.NewScanner(r)
	lines.Buffer(make([]byte, 0, 64<<10), 1<<20)
	for lines.Scan() {
		var record map[string]any
		if json.Unmarshal(lines.Bytes(), &record) != nil {
			c.stderr.add(lines.Text())
			log.Warn("embedded engine", "line", lines.Text())
			continue
		}
		var level slog.Level
		name, _ := record[slog.LevelKey].(string)
		if level.UnmarshalText([]byte(name)) != nil {
			level = slog.LevelWarn
		}
		message, _ := record[slog.MessageKey].(string)
		attrs := make([]any, 0, 2*len(record))
		for _, key := range sortedKeys(record) {
			if key != slog.LevelKey && key != slog.MessageKey && key != slog.TimeKey {
				attrs = append(attrs, key, record[key])
			}
		}
		log.With("process", "engine").Log(context.Background(), level, message, attrs...) //nolint:sloglint // the child's line is passed on with the message that it has there
	}
	// A line too long for the scanner must not block the child.
	_, _ = io.Copy(io.Discard, r)
}

func sortedKeys(m map[string]any) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// tail keeps the last lines of the child's standard error for error messages.
type tail struct {
	mu    sync.Mutex
	lines [][]byte
}

func (t *tail) add(line string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.lines = append(t.lines, []byte(line))
	if len(t.lines) > 8 {
		t.lines = t.lines[1:]
	}
}

func (t *tail) text() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return string(bytes.Join(t.lines, []byte(" | ")))
}
