package engine

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

func TestConfigValidate(t *testing.T) {
	err := Config{
		Databases: []string{"ok", "not ok"}, Settings: map[string]string{"async_insert": "1", "a b": "1"}, MaxMemory: -1, Listen: "nowhere",
		Listeners: []Listener{{Addr: "x", Database: "a b"}},
	}.Validate()
	for _, part := range []string{"path:", "logger:", `"not ok"`, "async_insert is fixed", `"a b" is not a setting`, "max memory", "listen:", "listeners[0]: address", "user and password", "listeners[0]: database"} {
		if err == nil || !strings.Contains(err.Error(), part) {
			t.Errorf("no %q in: %v", part, err)
		}
	}
	if err := (Config{Path: "a{b}", Logger: slog.New(slog.DiscardHandler)}).Validate(); err == nil || !strings.Contains(err.Error(), "pattern") {
		t.Errorf("a path with a pattern: %v", err)
	}
	if err := (Config{Path: "x", Logger: slog.New(slog.DiscardHandler)}).Validate(); err != nil {
		t.Errorf("the least: %v", err)
	}
}

func TestFindLibrary(t *testing.T) {
	dir := t.TempDir()
	t.Setenv(EnvCache, dir)
	t.Setenv(EnvLibrary, "")
	if name, err := FindLibrary(); !errors.Is(err, ErrNoLibrary) || !strings.Contains(err.Error(), "make engine") {
		t.Errorf("%q, %v; want ErrNoLibrary that says what to do", name, err)
	}
	cached := filepath.Join(dir, LibraryFileName("linux", "amd64"))
	own := filepath.Join(dir, "own.so")
	for _, name := range []string{cached, own} {
		if err := os.WriteFile(name, nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if name, err := FindLibrary(); err != nil || name != cached {
		t.Errorf("%q, %v; want %q", name, err, cached)
	}
	t.Setenv(EnvLibrary, own)
	if name, err := FindLibrary(); err != nil || name != own {
		t.Errorf("%q, %v; want %q", name, err, own)
	}
	t.Setenv(EnvLibrary, own+"x")
	if name, err := FindLibrary(); !errors.Is(err, ErrNoLibrary) {
		t.Errorf("%q, %v; want ErrNoLibrary", name, err)
	}
}

// TestRestart kills the child and uses one connection throughout.
func TestRestart(t *testing.T) {
	var mu sync.Mutex
	var told []int
	e := start(t, func(c *Config) {
		c.OnRestart = func(n int, cause error) {
			mu.Lock()
			defer mu.Unlock()
			told = append(told, n)
			if cause == nil {
				t.Error("a restart without a cause")
			}
		}
	})
	conn, err := e.Open()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	if err := conn.Exec(t.Context(), "CREATE TABLE t (a UInt64) ENGINE = MergeTree ORDER BY a"); err != nil {
		t.Fatal(err)
	}
	for round := 1; round <= 3; round++ {
		if err := conn.Exec(t.Context(), "INSERT INTO t VALUES (1)"); err != nil {
			t.Fatal(err)
		}
		pid := e.Pid()
		if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		until(t, "the restart is counted", func() bool { return e.Restarts() == round })
		until(t, "the connection works again", func() bool {
			var n uint64
			return conn.QueryRow(t.Context(), "SELECT count() FROM t").Scan(&n) == nil && n == uint64(round)
		})
		if e.Pid() == pid || e.Pid() == 0 {
			t.Errorf("pid %d after %d was killed", e.Pid(), pid)
		}
	}
	mu.Lock()
	defer mu.Unlock()
	if fmt.Sprint(told) != "[1 2 3]" {
		t.Errorf("OnRestart was told %v, want [1 2 3]", told)
	}
}

// TestDown has a child that cannot come back.
func TestDown(t *testing.T) {
	dir := t.TempDir()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	link := filepath.Join(dir, "child")
	if err := os.Symlink(exe, link); err != nil {
		t.Fatal(err)
	}
	e := start(t, func(c *Config) { c.Command = []string{link, "engine"}; c.DownTimeout = 300 * time.Millisecond })
	conn, err := e.Open()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	if err := conn.Ping(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(link); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(e.Pid(), syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	until(t, "it gave up twice", func() bool { return e.Restarts() >= 2 })
	if err := conn.Ping(t.Context()); !errors.Is(err, ErrDown) {
		t.Errorf("%v, want ErrDown", err)
	}
	if e.Addr() != "" || e.Pid() != 0 || e.ListenerAddrs() != nil {
		t.Errorf("down, but at %q with pid %d", e.Addr(), e.Pid())
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	if err := conn.Ping(ctx); !errors.Is(err, context.DeadlineExceeded) || errors.Is(err, ErrDown) {
		t.Errorf("%v, want the caller's own deadline", err)
	}
	if err := os.Symlink(exe, link); err != nil {
		t.Fatal(err)
	}
	until(t, "it comes back", func() bool { return conn.Ping(t.Context()) == nil })
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	if err := conn.Ping(t.Context()); !errors.Is(err, ErrClosed) {
		t.Errorf("%v, want ErrClosed", err)
	}
	if err := e.Close(); err != nil {
		t.Errorf("closed twice: %v", err)
	}
}

func TestStartErrors(t *testing.T) {
	e := start(t)
	t.Run("path in use", func(t *testing.T) {
		_, err := Start(t.Context(), Config{Path: e.cfg.Path, Logger: logger(t), StopTimeout: 10 * time.Millisecond})
		if !errors.Is(err, ErrLocked) || !strings.Contains(err.Error(), strconv.Itoa(e.Pid())) {
			t.Errorf("%v, want ErrLocked with the holder's pid", err)
		}
	})
	t.Run("no library", func(t *testing.T) {
		t.Setenv(EnvLibrary, "/nowhere/libchdb.so")
		if _, err := Start(t.Context(), Config{Path: t.TempDir(), Logger: logger(t)}); !errors.Is(err, ErrNoLibrary) {
			t.Errorf("%v, want ErrNoLibrary", err)
		}
	})
	t.Run("another library", func(t *testing.T) {
		name := filepath.Join(t.TempDir(), "libchdb.so")
		if err := os.WriteFile(name, []byte("not one"), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := Start(t.Context(), Config{Path: t.TempDir(), Library: name, Logger: logger(t)}); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%v, want an error with the name", err)
		}
	})
	t.Run("address in use", func(t *testing.T) {
		if _, err := Start(t.Context(), Config{Path: t.TempDir(), Listen: e.Addr(), Logger: logger(t)}); err == nil || !strings.Contains(err.Error(), "choose another address") {
			t.Errorf("%v, want an error that says what to do", err)
		}
	})
	t.Run("a child that says nothing", func(t *testing.T) {
		_, err := Start(t.Context(), Config{Path: t.TempDir(), Command: []string{"cat"}, StartTimeout: 100 * time.Millisecond, Logger: logger(t)})
		if err == nil || !strings.Contains(err.Error(), "not ready") {
			t.Errorf("%v, want that it was not ready", err)
		}
	})
	t.Run("not waited for", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := Start(ctx, Config{Path: t.TempDir(), Logger: logger(t)}); !errors.Is(err, context.Canceled) {
			t.Errorf("%v, want context.Canceled", err)
		}
	})
}

// TestSecret looks where others could look.
func TestSecret(t *testing.T) {
	e := start(t)
	if len(e.Secret()) < 20 {
		t.Errorf("a secret of %d characters", len(e.Secret()))
	}
	for _, file := range []string{"cmdline", "environ"} {
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/%s", e.Pid(), file))
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Contains(text, []byte(e.Secret())) {
			t.Errorf("the secret is in %s", file)
		}
	}
	err := filepath.WalkDir(e.cfg.Path, func(name string, d os.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return nil //nolint:nilerr // files of the engine come and go
		}
		if text, err := os.ReadFile(name); err == nil && bytes.Contains(text, []byte(e.Secret())) {
			t.Errorf("the secret is in %s", name)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestSettings holds the settings on which promises rest, as the engine sees them.
func TestSettings(t *testing.T) {
	e := start(t, func(c *Config) { c.Settings = map[string]string{"max_threads": "3"}; c.MaxMemory = 3 << 30 })
	for sql, want := range map[string]string{
		"SELECT name, value FROM system.merge_tree_settings WHERE name IN ('fsync_after_insert', 'fsync_part_directory') ORDER BY name": "fsync_after_insert\t1\nfsync_part_directory\t1",
		"SELECT toUInt8(getSetting('async_insert')), toUInt8(getSetting('wait_for_async_insert'))":                                      "0\t1",
		"SELECT getSetting('max_memory_usage')":                                           strconv.Itoa(3 << 29),
		"SELECT value FROM system.server_settings WHERE name = 'max_server_memory_usage'": strconv.Itoa(3 << 30),
		"SELECT toUInt8(getSetting('output_format_arrow_parallel_encoding'))":             "0",
		"SELECT getSetting('max_threads')":                                                "3",
		"SELECT timezone(), toString(toDateTime(0))":                                      "UTC\t1970-01-01 00:00:00",
	} {
		if got := e.sql(t, sql); got != want {
			t.Errorf("%s: %q, want %q", sql, got, want)
		}
	}
}

// TestDropSync is what a fresh data path of the library does not do by itself.
func TestDropSync(t *testing.T) {
	e := start(t)
	e.sql(t, "CREATE TABLE t (a UInt64) ENGINE = MergeTree ORDER BY a")
	e.sql(t, "INSERT INTO t VALUES (1)")
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	conn, err := e.Open()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	if err := conn.Exec(ctx, "DROP TABLE t SYNC"); err != nil {
		t.Errorf("DROP TABLE … SYNC: %v", err)
	}
}

// TestChild holds the process itself to its contract: ready line, end with its
// input or a signal, data kept.
func TestChild(t *testing.T) {
	library, err := FindLibrary()
	if err != nil {
		t.Fatal(err)
	}
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	path := t.TempDir()
	config := fmt.Sprintf(`{"path":%q,"databases":["db"],"library":%q,"listeners":[{"addr":"127.0.0.1:0","user":"u","password":"p"}],"max_memory":2000000000,"max_query_memory":1000000000,"max_concurrent":2,"lock_wait":5000000000,"stop_wait":5000000000}`+"\n", path, library)
	for name, end := range map[string]func(*exec.Cmd, io.Closer) error{
		"end of input": func(_ *exec.Cmd, stdin io.Closer) error { return stdin.Close() },
		"SIGTERM":      func(cmd *exec.Cmd, _ io.Closer) error { return cmd.Process.Signal(syscall.SIGTERM) },
	} {
		t.Run(name, func(t *testing.T) {
			cmd := exec.Command(exe, "engine")
			stdin, err := cmd.StdinPipe()
			if err != nil {
				t.Fatal(err)
			}
			stdout, err := cmd.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			var stderr bytes.Buffer
			cmd.Stderr = &stderr
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			if _, err := io.WriteString(stdin, config); err != nil {
				t.Fatal(err)
			}
			line := make([]byte, 512)
			n, err := stdout.Read(line)
			if err != nil || !strings.HasPrefix(string(line[:n]), `{"addr":"127.0.0.1:`) || !strings.HasSuffix(string(line[:n]), "}\n") {
				t.Fatalf("%q, %v; want the line with the address (%s)", line[:n], err, &stderr)
			}
			if err := end(cmd, stdin); err != nil {
				t.Fatal(err)
			}
			rest, err := io.ReadAll(stdout)
			if err != nil || len(rest) > 0 {
				t.Errorf("%q, %v; want nothing more", rest, err)
			}
			if err := cmd.Wait(); err != nil {
				t.Errorf("%v: %s", err, &stderr)
			}
		})
	}
	t.Run("no configuration", func(t *testing.T) {
		for _, input := range []string{"", "{}\n", "nonsense\n"} {
			cmd := exec.Command(exe, "engine")
			cmd.Stdin = strings.NewReader(input)
			if out, err := cmd.CombinedOutput(); err == nil || !strings.Contains(string(out), "configuration") {
				t.Errorf("%q: %s, %v; want an error about the configuration", input, out, err)
			}
		}
	})
}
