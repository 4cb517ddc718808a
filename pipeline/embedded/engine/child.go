package engine

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"

	"github.com/ebitengine/purego"
	"github.com/sourcegraph/conc"
	"golang.org/x/sys/unix"
)

// childConfig is the first line of the child's standard input. Secrets travel in
// it and nowhere else: not in arguments, not in the environment.
type childConfig struct {
	Path           string            `json:"path"`
	Databases      []string          `json:"databases"`
	Library        string            `json:"library"`
	Listeners      []Listener        `json:"listeners"` // the first is the private one
	MaxMemory      int64             `json:"max_memory"`
	MaxQueryMemory int64             `json:"max_query_memory"`
	MaxConcurrent  int               `json:"max_concurrent"`
	Settings       map[string]string `json:"settings,omitempty"`
	Sync           bool              `json:"sync"`
	LogLevel       slog.Level        `json:"log_level"`
	LockWait       time.Duration     `json:"lock_wait"`
	StopWait       time.Duration     `json:"stop_wait"`
}

// childReady is the one line that the child writes on standard output.
type childReady struct {
	Addr  string   `json:"addr"`  // of the private listener
	Addrs []string `json:"addrs"` // of all listeners, in the order of the configuration
}

// exitForced is the status of a child that could not close in time.
const exitForced = 4

// RunChild is the engine process: what the hidden command "engine" runs. It reads
// its configuration from the first line of stdin, opens the data path, serves,
// and writes one line to stdout when it is ready. It serves until stdin ends
// (the parent is gone), ctx is done, or SIGTERM or SIGINT arrives; then it lets
// queries end for a while, cancels the rest and closes the data path.
//
// It belongs in a process of its own: it changes the working directory, the
// descriptors 0 and 1, and signal handling. Log lines go to standard error as
// JSON.
func RunChild(ctx context.Context, stdin io.Reader, stdout io.Writer) error {
	stdin, stdout, err := takeStdio(stdin, stdout)
	if err != nil {
		return err
	}
	input := bufio.NewReader(stdin)
	line, err := input.ReadBytes('\n')
	if err != nil {
		return fmt.Errorf("engine: read the configuration from standard input: %w; this command is started by larstrom itself", err)
	}
	var cfg childConfig
	if err := json.Unmarshal(line, &cfg); err != nil {
		return fmt.Errorf("engine: read the configuration from standard input: %w", err)
	}
	if len(cfg.Listeners) == 0 || cfg.MaxConcurrent < 1 {
		return errors.New("engine: the configuration names no listener or no concurrency")
	}
	log := slog.New(slog.NewJSONHandler(os.Stderr, &slog.HandlerOptions{Level: cfg.LogLevel}))

	path, err := filepath.Abs(cfg.Path)
	if err != nil {
		return fmt.Errorf("engine: data path: %w", err)
	}
	if strings.ContainsAny(path, patternCharacters) {
		return fmt.Errorf("engine: data path %q has one of %s; see Config.Validate", path, patternCharacters)
	}
	if err := os.MkdirAll(path, 0o700); err != nil {
		return fmt.Errorf("engine: data path: %w", err)
	}
	unlock, err := lockPath(ctx, path, cfg.LockWait)
	if err != nil {
		return err
	}
	defer unlock()
	library, err := filepath.Abs(cfg.Library)
	if err != nil {
		return fmt.Errorf("engine: library: %w", err)
	}
	if err := os.Chdir(path); err != nil {
		return fmt.Errorf("engine: data path: %w", err)
	}

	s, err := openServer(library, cfg, path, log)
	if err != nil {
		return fmt.Errorf("engine: %w", err)
	}
	// After the library: it must not take these back. A client that goes away
	// must never be a reason to die.
	signal.Ignore(syscall.SIGPIPE)
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()

	// What is acknowledged is stored, so leaving by force loses nothing; staying
	// for a query that cannot be cancelled would keep the data path locked.
	context.AfterFunc(ctx, func() {
		time.AfterFunc(2*cfg.StopWait, func() {
			log.Error("queries did not end in time; leaving without closing the data path")
			os.Exit(exitForced)
		})
	})
	err = serve(ctx, cancel, s, cfg, input, stdout, log)
	s.close()
	if err != nil {
		return fmt.Errorf("engine: %w", err)
	}
	return nil
}

// openServer loads the library and opens the data path, and leaves signals
// handled as they were.
func openServer(library string, cfg childConfig, path string, log *slog.Logger) (*server, error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if err := setUTC(); err != nil {
		return nil, err
	}
	saved := signalHandlers()
	defer restoreSignalHandlers(saved)
	lib, err := loadLibrary(library)
	if err != nil {
		return nil, err
	}
	return newServer(lib, cfg, path, log)
}

// serve listens, reports, and blocks until it is to end.
func serve(ctx context.Context, cancel context.CancelFunc, s *server, cfg childConfig, input io.Reader, stdout io.Writer, log *slog.Logger) error {
	var ready childReady
	var servers []*http.Server
	var listeners []net.Listener
	defer func() {
		for _, l := range listeners {
			_ = l.Close()
		}
	}()
	for i, l := range cfg.Listeners {
		listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", l.Addr)
		if err != nil {
			return fmt.Errorf("listen on %s: %w; choose another address, or stop what uses it", l.Addr, err)
		}
		listeners = append(listeners, listener)
		if l.Database == "" {
			l.Database = cfg.Databases[0]
		}
		servers = append(servers, &http.Server{
			Handler:           newHandler(s, l, i),
			ReadHeaderTimeout: 30 * time.Second,
			IdleTimeout:       5 * time.Minute,
			ErrorLog:          slog.NewLogLogger(log.With("listener", i).Handler(), slog.LevelWarn),
		})
		ready.Addrs = append(ready.Addrs, listener.Addr().String())
	}
	ready.Addr = ready.Addrs[0]

	var tasks conc.WaitGroup
	failures := make([]error, len(servers))
	for i, server := range servers {
		tasks.Go(func() {
			defer cancel()
			if err := server.Serve(listeners[i]); !errors.Is(err, http.ErrServerClosed) {
				failures[i] = err
			}
		})
	}
	// Reads until the parent is gone. It is not waited for: on a signal there may
	// be nobody to end the read, and the process ends with it.
	go func() {
		_, _ = io.Copy(io.Discard, input)
		cancel()
	}()
	line, err := json.Marshal(ready)
	if err == nil {
		_, err = stdout.Write(append(line, '\n'))
	}
	if err != nil {
		cancel()
	}
	<-ctx.Done()

	// Queries that are nearly done may end; the others are cancelled.
	stopping, stopped := context.WithTimeout(context.WithoutCancel(ctx), cfg.StopWait)
	defer stopped()
	for _, server := range servers {
		tasks.Go(func() {
			if server.Shutdown(stopping) != nil {
				s.active.cancelAll()
				_ = server.Close()
			}
		})
	}
	tasks.Wait()
	return errors.Join(errors.Join(failures...), err)
}

// takeStdio moves the descriptors 0 and 1 out of the library's reach: its client
// would read rows of an INSERT from one and could write to the other.
func takeStdio(stdin io.Reader, stdout io.Writer) (io.Reader, io.Writer, error) {
	if f, ok := stdin.(*os.File); ok && f.Fd() == 0 {
		fd, err := unix.FcntlInt(0, unix.F_DUPFD_CLOEXEC, 3)
		if err != nil {
			return nil, nil, fmt.Errorf("engine: standard input: %w", err)
		}
		null, err := os.Open(os.DevNull)
		if err != nil {
			return nil, nil, fmt.Errorf("engine: standard input: %w", err)
		}
		defer func() { _ = null.Close() }()
		if err := dup2(int(null.Fd()), 0); err != nil {
			return nil, nil, fmt.Errorf("engine: standard input: %w", err)
		}
		stdin = os.NewFile(uintptr(fd), "stdin")
	}
	if f, ok := stdout.(*os.File); ok && f.Fd() == 1 {
		fd, err := unix.FcntlInt(1, unix.F_DUPFD_CLOEXEC, 3)
		if err != nil {
			return nil, nil, fmt.Errorf("engine: standard output: %w", err)
		}
		if err := dup2(2, 1); err != nil {
			return nil, nil, fmt.Errorf("engine: standard output: %w", err)
		}
		stdout = os.NewFile(uintptr(fd), "stdout")
	}
	return stdin, stdout, nil
}

// setUTC sets the C library's time zone: engines run in UTC wherever they are.
func setUTC() error {
	address, err := purego.Dlsym(purego.RTLD_DEFAULT, "setenv")
	if err != nil {
		return fmt.Errorf("set the engine's time zone: %w", err)
	}
	var setenv func(name, value string, overwrite int32) int32
	purego.RegisterFunc(&setenv, address)
	if setenv("TZ", "UTC", 1) != 0 {
		return errors.New("set the engine's time zone: setenv failed")
	}
	return nil
}

// lockPath takes the data path for this process. It waits a little: a child whose
// parent was killed may still be closing.
func lockPath(ctx context.Context, path string, wait time.Duration) (unlock func(), err error) {
	name := filepath.Join(path, "engine.lock")
	f, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("engine: lock the data path: %w", err)
	}
	deadline := time.Now().Add(wait)
	for {
		err = unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		if err == nil {
			_ = f.Truncate(0)
			_, _ = fmt.Fprintf(f, "%d\n", os.Getpid())
			return func() { _ = f.Close() }, nil
		}
		if !errors.Is(err, unix.EWOULDBLOCK) || time.Now().After(deadline) || ctx.Err() != nil {
			break
		}
		timer := time.NewTimer(50 * time.Millisecond)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
		}
	}
	holder, _ := os.ReadFile(name)
	_ = f.Close()
	if errors.Is(err, unix.EWOULDBLOCK) {
		return nil, fmt.Errorf("engine: %s: process %s: %w; stop that one, or use another path", path, strings.TrimSpace(string(holder)), ErrLocked)
	}
	return nil, fmt.Errorf("engine: lock the data path: %w", err)
}
