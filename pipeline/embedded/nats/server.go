package natsd

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// ErrNotDurable is returned when the running server would acknowledge messages
// that are not on disk. The log's first invariant rests on it, so nothing
// starts without it.
var ErrNotDurable = errors.New("JetStream does not sync every write")

// Client is a connection to the log's server, and that server itself where it
// runs in this process. Methods are safe for concurrent use.
type Client struct {
	conn     *nats.Conn
	js       jetstream.JetStream
	replicas int
	embedded *server.Server
	closed   chan struct{}
	close    sync.Once
}

// Open starts or connects to the server as the configuration says.
func Open(ctx context.Context, cfg Config) (*Client, error) {
	if cfg.URL != "" {
		return Connect(ctx, cfg)
	}
	return Start(cfg)
}

// Start runs a server in this process on cfg.StoreDir and connects to it
// through memory. It fails with ErrNotDurable when the running server does not
// sync every write.
func Start(cfg Config) (*Client, error) { return start(cfg, nil) }

// start is Start with a hook on the server's options, with which tests take
// durability away.
func start(cfg Config, alter func(*server.Options)) (_ *Client, err error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	if cfg.StoreDir == "" {
		return nil, errors.New("nats: store_dir is not set: Start runs the server in this process; use Connect for an external one")
	}
	cfg = cfg.withDefaults()
	// Made here, so that a directory that cannot be made is an error of ours with
	// its path and not a fatal line of the server.
	if err := os.MkdirAll(cfg.StoreDir, 0o700); err != nil {
		return nil, fmt.Errorf("nats: store directory: %w", err)
	}
	opts := &server.Options{
		ServerName: "larstrom",
		DontListen: true,
		NoSigs:     true, // the process owns its signals
		JetStream:  true,
		StoreDir:   cfg.StoreDir,
		SyncAlways: true,
		MaxPayload: cfg.MaxPayload,
		// 0 leaves the limit to the space that is free.
		JetStreamMaxStore: cfg.MaxStore,
		Authorization:     cfg.Token,
	}
	if cfg.Listen != "" {
		opts.DontListen = false
		if opts.Host, opts.Port, err = splitListen(cfg.Listen); err != nil {
			return nil, fmt.Errorf("nats: listen: %w", err)
		}
		if opts.Port == 0 {
			opts.Port = server.RANDOM_PORT
		}
	}
	if alter != nil {
		alter(opts)
	}
	s, err := server.NewServer(opts)
	if err != nil {
		return nil, fmt.Errorf("nats: embedded server: %w", err)
	}
	logger := &serverLog{log: cfg.Logger}
	s.SetLoggerV2(logger, false, false, false)
	defer func() {
		if err != nil {
			s.Shutdown()
			s.WaitForShutdown()
		}
	}()
	// Start returns when the store has been recovered; the server's goroutines
	// are its own and end with WaitForShutdown.
	s.Start()
	if text, fatal := logger.gravest(); fatal {
		return nil, fmt.Errorf("nats: embedded server on %s did not start: %s", cfg.StoreDir, text)
	}
	if !s.ReadyForConnections(cfg.StartTimeout) {
		return nil, fmt.Errorf("nats: embedded server on %s was not ready after %s: it said last: %q", cfg.StoreDir, cfg.StartTimeout, logger.text())
	}
	if err := assertDurable(s.JetStreamConfig(), logger.text()); err != nil {
		return nil, err
	}
	conn, err := connect(cfg, nats.DefaultURL, nats.InProcessServer(s))
	if err != nil {
		return nil, fmt.Errorf("nats: connecting to the embedded server: %w", err)
	}
	js, err := jetstream.New(conn)
	if err != nil {
		conn.Close()
		return nil, fmt.Errorf("nats: %w", err)
	}
	return &Client{conn: conn, js: js, replicas: cfg.Replicas, embedded: s, closed: make(chan struct{})}, nil
}

// assertDurable reads the setting back from what runs. Asking for it is not
// enough: options have been renamed, overridden by files and dropped on reload.
func assertDurable(running *server.JetStreamConfig, said string) error {
	switch {
	case running == nil:
		return fmt.Errorf("nats: JetStream is not running in the embedded server, which said last: %q", said)
	case !running.SyncAlways:
		return fmt.Errorf("nats: embedded server on %s: %w: an acknowledged message could be lost with the power; "+
			"this build of the server must not be used", running.StoreDir, ErrNotDurable)
	}
	return nil
}

// Connect connects to the external server at cfg.URL. It requires JetStream and
// a server of a version that has atomic batches; that each of its members syncs
// is the operator's part, which no client can see.
func Connect(ctx context.Context, cfg Config) (*Client, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	if cfg.URL == "" {
		return nil, errors.New("nats: url is not set: Connect is for an external server; use Start for one in this process")
	}
	cfg = cfg.withDefaults()
	ctx, cancel := context.WithTimeout(ctx, cfg.StartTimeout)
	defer cancel()
	var opts []nats.Option
	if cfg.Credentials != "" {
		opts = append(opts, nats.UserCredentials(cfg.Credentials))
	}
	conn, err := connect(cfg, cfg.URL, opts...)
	if err != nil {
		return nil, fmt.Errorf("nats: connecting to the log's server: %w: check url and credentials", err)
	}
	js, err := jetstream.New(conn)
	if err == nil {
		_, err = js.AccountInfo(ctx)
	}
	if err == nil {
		err = supported(conn.ConnectedServerVersion())
	}
	if err != nil {
		conn.Close()
		return nil, fmt.Errorf("nats: the log's server cannot hold the log: %w", err)
	}
	return &Client{conn: conn, js: js, replicas: cfg.Replicas, closed: make(chan struct{})}, nil
}

// supported reports whether a server of this version flushes an atomic batch
// once and before its acknowledgement, as those from 2.15 do.
func supported(version string) error {
	var major, minor int
	if _, err := fmt.Sscanf(version, "%d.%d", &major, &minor); err != nil {
		return fmt.Errorf("server version %q cannot be read: %w", version, err)
	}
	if major < 2 || major == 2 && minor < 15 {
		return fmt.Errorf("server version %s is older than 2.15: upgrade it", version)
	}
	return nil
}

func connect(cfg Config, url string, opts ...nats.Option) (*nats.Conn, error) {
	log := cfg.Logger
	opts = append([]nats.Option{
		nats.Name(cfg.Name),
		nats.MaxReconnects(-1),
		nats.ReconnectWait(100 * time.Millisecond),
		// Nothing is kept back while disconnected: half a batch that is sent after
		// a reconnection helps nobody, an error at once lets the caller look at
		// what is stored.
		nats.ReconnectBufSize(-1),
		nats.DisconnectErrHandler(func(_ *nats.Conn, err error) {
			if err != nil {
				log.Warn("disconnected from the log's server", "error", err)
			}
		}),
		nats.ReconnectHandler(func(*nats.Conn) { log.Info("connected to the log's server again") }),
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) {
			if errors.Is(err, nats.ErrSlowConsumer) {
				log.Info("the log's server sends faster than this process reads; what was dropped is seen as a gap and read again, nothing is lost", "error", err)
				return
			}
			log.Warn("connection to the log's server", "error", err)
		}),
	}, opts...)
	if cfg.Token != "" {
		opts = append(opts, nats.Token(cfg.Token))
	}
	return nats.Connect(url, opts...)
}

// Conn is the connection. It belongs to the Client: do not close it.
func (c *Client) Conn() *nats.Conn { return c.conn }

// JetStream is the log's interface on Conn.
func (c *Client) JetStream() jetstream.JetStream { return c.js }

// Replicas is the number of copies that streams should have here.
func (c *Client) Replicas() int { return c.replicas }

// Embedded reports whether the server runs in this process.
func (c *Client) Embedded() bool { return c.embedded != nil }

// InProcessConn opens one more connection to the embedded server; it lets
// nats.Connect make further clients of it (nats.InProcessServer).
func (c *Client) InProcessConn() (net.Conn, error) {
	if c.embedded == nil {
		return nil, errors.New("nats: the log's server does not run in this process")
	}
	return c.embedded.InProcessConn()
}

// ListenAddr is the TCP address of the embedded server, empty when it has none.
func (c *Client) ListenAddr() string {
	if c.embedded == nil {
		return ""
	}
	if a := c.embedded.Addr(); a != nil {
		return a.String()
	}
	return ""
}

// Shutdown closes the connection, stops the embedded server and waits until its
// files are written and closed. It may be called again; every call waits.
func (c *Client) Shutdown() {
	c.close.Do(func() {
		defer close(c.closed)
		c.conn.Close()
		if c.embedded != nil {
			c.embedded.Shutdown()
			c.embedded.WaitForShutdown()
		}
	})
	<-c.closed
}

// serverLog turns the server's printf lines into records, and keeps the last
// grave one: the server tells of a failed start by a line only.
type serverLog struct {
	log   *slog.Logger
	mu    sync.Mutex
	last  string
	fatal bool
}

func (l *serverLog) write(level slog.Level, format string, args []any) {
	if !l.log.Enabled(context.Background(), level) {
		return
	}
	l.log.Log(context.Background(), level, "nats-server", "text", strings.TrimSpace(fmt.Sprintf(format, args...)))
}

func (l *serverLog) keep(fatal bool, format string, args []any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.fatal {
		return // what follows a fatal line follows from it
	}
	l.last, l.fatal = strings.TrimSpace(fmt.Sprintf(format, args...)), fatal
}

func (l *serverLog) gravest() (text string, fatal bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.last, l.fatal
}

func (l *serverLog) text() string {
	text, _ := l.gravest()
	return text
}

func (l *serverLog) Noticef(format string, args ...any) { l.write(slog.LevelDebug, format, args) }
func (l *serverLog) Warnf(format string, args ...any)   { l.write(slog.LevelWarn, format, args) }
func (l *serverLog) Debugf(format string, args ...any)  {}
func (l *serverLog) Tracef(format string, args ...any)  {}

func (l *serverLog) Errorf(format string, args ...any) {
	l.keep(false, format, args)
	l.write(slog.LevelError, format, args)
}

// Fatalf must not end the process: whoever started the server decides.
func (l *serverLog) Fatalf(format string, args ...any) {
	l.keep(true, format, args)
	l.write(slog.LevelError, format, args)
}
