package natsd

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/sourcegraph/conc"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestValidate(t *testing.T) {
	for name, tc := range map[string]struct {
		cfg  Config
		want string // part of the error; empty: valid
	}{
		"embedded":               {Config{StoreDir: "d"}, ""},
		"external":               {Config{URL: "nats://a,nats://b", Credentials: "c", Replicas: 3}, ""},
		"loopback":               {Config{StoreDir: "d", Listen: "127.0.0.1:4222"}, ""},
		"loopback, v6":           {Config{StoreDir: "d", Listen: "[::1]:4222"}, ""},
		"public with token":      {Config{StoreDir: "d", Listen: "0.0.0.0:4222", Token: "t"}, ""},
		"nothing":                {Config{}, "neither store_dir nor url"},
		"both":                   {Config{StoreDir: "d", URL: "u"}, "both store_dir and url"},
		"public without token":   {Config{StoreDir: "d", Listen: "0.0.0.0:4222"}, "without a token"},
		"no port":                {Config{StoreDir: "d", Listen: "127.0.0.1"}, "host:port"},
		"listen elsewhere":       {Config{URL: "u", Listen: "127.0.0.1:1"}, "no meaning"},
		"payload":                {Config{StoreDir: "d", MaxPayload: 9 << 20}, "max_payload"},
		"store":                  {Config{StoreDir: "d", MaxStore: -1}, "max_store"},
		"credentials":            {Config{StoreDir: "d", Credentials: "c"}, "credentials"},
		"replicas":               {Config{URL: "u", Replicas: 6}, "replicas 6"},
		"replicas, embedded":     {Config{StoreDir: "d", Replicas: 3}, "one copy"},
		"timeout":                {Config{StoreDir: "d", StartTimeout: -1}, "start_timeout"},
		"every fault is named 1": {Config{MaxStore: -1, Replicas: -1}, "max_store"},
		"every fault is named 2": {Config{MaxStore: -1, Replicas: -1}, "replicas"},
	} {
		t.Run(name, func(t *testing.T) {
			err := tc.cfg.Validate()
			if tc.want == "" && err != nil {
				t.Fatal(err)
			}
			if tc.want != "" && (err == nil || !strings.Contains(err.Error(), tc.want)) {
				t.Fatalf("error %v, want one that says %q", err, tc.want)
			}
		})
	}
}

func open(t *testing.T, cfg Config) *Client {
	t.Helper()
	c, err := Open(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Shutdown)
	return c
}

func stream(t *testing.T, c *Client) jetstream.Stream {
	t.Helper()
	s, err := c.JetStream().CreateOrUpdateStream(t.Context(), jetstream.StreamConfig{Name: "T", Subjects: []string{"t.>"},
		Storage: jetstream.FileStorage, AllowAtomicPublish: true})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestStoresAcrossRestarts(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "made", "by start")
	for n := uint64(1); n <= 3; n++ {
		c := open(t, Config{StoreDir: dir})
		if !c.Embedded() || c.Replicas() != 1 {
			t.Fatalf("embedded %t, replicas %d", c.Embedded(), c.Replicas())
		}
		stream(t, c)
		ack, err := c.JetStream().Publish(t.Context(), "t.a", []byte("x"))
		if err != nil || ack.Sequence != n {
			t.Fatalf("sequence %+v after %d starts: %v", ack, n, err)
		}
		if addr := c.ListenAddr(); addr != "" {
			t.Fatalf("it listens on %s", addr)
		}
		c.Shutdown()
		if _, err := c.InProcessConn(); err == nil {
			t.Fatal("a stopped server accepted a connection")
		}
	}
}

// The server's own word is asserted, not the options that we gave it.
func TestRefusesToRunWithoutSync(t *testing.T) {
	_, err := start(Config{StoreDir: t.TempDir()}, func(o *server.Options) { o.SyncAlways = false })
	if !errors.Is(err, ErrNotDurable) {
		t.Fatalf("error %v, want ErrNotDurable", err)
	}
	_, err = start(Config{StoreDir: t.TempDir()}, func(o *server.Options) { o.JetStream = false })
	if err == nil || errors.Is(err, ErrNotDurable) {
		t.Fatalf("error %v without JetStream", err)
	}
	c := open(t, Config{StoreDir: t.TempDir()})
	if cfg := c.embedded.JetStreamConfig(); !cfg.SyncAlways {
		t.Error("JetStreamConfig does not say SyncAlways")
	}
	js, err := c.embedded.Jsz(&server.JSzOptions{Config: true})
	if err != nil || !js.Config.SyncAlways {
		t.Errorf("monitoring says %+v: %v", js.Config, err)
	}
}

func TestStartSaysWhy(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, tc := range map[string]struct {
		cfg  Config
		want string
	}{
		"directory is a file": {Config{StoreDir: file}, file},
		"no directory":        {Config{URL: "nats://x"}, "Connect"},
	} {
		if _, err := Start(tc.cfg); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: error %v, want one that says %q", name, err, tc.want)
		}
	}
	// A fault inside the server reaches the caller, not only its log.
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "jetstream"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Start(Config{StoreDir: dir}); err == nil || !strings.Contains(err.Error(), "not a directory") {
		t.Errorf("a file where the store should be: error %v", err)
	}
}

func TestListenAndConnect(t *testing.T) {
	s := open(t, Config{StoreDir: t.TempDir(), Listen: "127.0.0.1:0", Token: "secret"})
	url := "nats://" + s.ListenAddr()
	c := open(t, Config{URL: url, Token: "secret"})
	if c.Embedded() || c.Replicas() != 3 {
		t.Errorf("embedded %t, replicas %d", c.Embedded(), c.Replicas())
	}
	stream(t, c)
	if _, err := c.JetStream().Publish(t.Context(), "t.a", nil); err != nil {
		t.Error(err)
	}
	if _, err := c.InProcessConn(); err == nil {
		t.Error("a connection in this process to an external server")
	}
	if _, err := Connect(t.Context(), Config{URL: url, Token: "wrong"}); err == nil {
		t.Error("a wrong token was accepted")
	}
	if _, err := Connect(t.Context(), Config{StoreDir: t.TempDir()}); err == nil {
		t.Error("Connect without a URL")
	}
	if _, err := Connect(t.Context(), Config{URL: url, Token: "secret", Credentials: filepath.Join(t.TempDir(), "none")}); err == nil {
		t.Error("credentials that do not exist were accepted")
	}
}

func TestConnectNeedsJetStream(t *testing.T) {
	plain, err := server.NewServer(&server.Options{Host: "127.0.0.1", Port: server.RANDOM_PORT, NoSigs: true, NoLog: true})
	if err != nil {
		t.Fatal(err)
	}
	plain.Start()
	defer plain.WaitForShutdown()
	defer plain.Shutdown()
	if _, err := Connect(t.Context(), Config{URL: plain.ClientURL()}); !errors.Is(err, jetstream.ErrJetStreamNotEnabled) {
		t.Errorf("error %v, want ErrJetStreamNotEnabled", err)
	}
}

func TestSupportedVersions(t *testing.T) {
	for version, ok := range map[string]bool{"2.15.0": true, "2.15.2": true, "2.100.1": true, "3.0.0-beta": true,
		"2.14.9": false, "1.99.0": false, "": false, "dev": false} {
		if err := supported(version); (err == nil) != ok {
			t.Errorf("version %q: %v", version, err)
		}
	}
}

func TestShutdownWaitsAndRepeats(t *testing.T) {
	c := open(t, Config{StoreDir: t.TempDir()})
	var wg conc.WaitGroup
	for range 4 {
		wg.Go(func() {
			c.Shutdown()
			if c.embedded.Running() {
				t.Error("the server runs after Shutdown returned")
			}
		})
	}
	wg.Wait()
	if !c.Conn().IsClosed() {
		t.Error("the connection is open after Shutdown")
	}
}

func TestLogsGoToTheLogger(t *testing.T) {
	var mu sync.Mutex
	var buf bytes.Buffer
	c := open(t, Config{StoreDir: t.TempDir(), Logger: slog.New(slog.NewTextHandler(lockedWriter{&mu, &buf}, &slog.HandlerOptions{Level: slog.LevelDebug}))})
	c.Shutdown()
	mu.Lock()
	defer mu.Unlock()
	if !strings.Contains(buf.String(), "nats-server") {
		t.Errorf("nothing of the server in the log: %q", buf.String())
	}
}

type lockedWriter struct {
	mu *sync.Mutex
	b  *bytes.Buffer
}

func (w lockedWriter) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.b.Write(p)
}

// A batch that is atomic for the reader is what the log is built on.
func TestAtomicBatchesAreOn(t *testing.T) {
	c := open(t, Config{StoreDir: t.TempDir()})
	s := stream(t, c)
	if !s.CachedInfo().Config.AllowAtomicPublish {
		t.Fatal("the server does not know atomic batches")
	}
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	if _, err := c.JetStream().AccountInfo(ctx); err != nil {
		t.Fatal(err)
	}
}
