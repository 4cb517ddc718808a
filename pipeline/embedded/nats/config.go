package natsd

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strconv"
	"strings"
	"time"
)

// Defaults of Config.
const (
	// DefaultMaxPayload is the server's own default. Larger messages are
	// slower to store and, at tens of megabytes, corrupted stores of the past.
	DefaultMaxPayload = 1 << 20
	// DefaultStartTimeout allows for the recovery of a large store after a kill.
	DefaultStartTimeout = 2 * time.Minute
	// clusterReplicas is what survives the loss of one server.
	clusterReplicas = 3
)

// Config says where the log's server is: in this process (StoreDir) or
// elsewhere (URL). Exactly one of the two is set.
type Config struct {
	// StoreDir is the directory of the embedded server's JetStream files. It is
	// created when missing and must belong to one process at a time.
	StoreDir string
	// URL is the address of an external server or a comma-separated list of
	// those of one cluster, nats:// or tls://.
	URL string
	// Credentials is the path of a NATS credentials file for URL; empty: none.
	Credentials string
	// MaxPayload bounds a message with its headers, in bytes. 0 means
	// DefaultMaxPayload; more than 8 MiB is refused. Embedded only.
	MaxPayload int32
	// MaxStore bounds the bytes on disk; 0 means three quarters of what is free
	// at start. Embedded only.
	MaxStore int64
	// Listen is a host:port on which the embedded server also accepts TCP
	// connections. Empty means none: only this process can connect. Without a
	// Token only loopback addresses are allowed.
	Listen string
	// Token is required of every connection over Listen, or presented to URL.
	Token string
	// Name is shown to the server as the client's name; empty means "larstrom".
	Name string
	// Replicas is the number of copies a stream should have. 0 means 1 embedded
	// (nothing else is possible there) and 3 on a cluster.
	Replicas int
	// StartTimeout bounds start, including the recovery of the store. 0 means
	// DefaultStartTimeout.
	StartTimeout time.Duration
	// Logger receives the server's and the connection's messages; nil discards
	// them.
	Logger *slog.Logger
}

// Validate reports every fault of the configuration, joined.
func (c Config) Validate() error {
	var errs []error
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf("nats: "+format, args...)) }
	switch {
	case c.StoreDir == "" && c.URL == "":
		bad("neither store_dir nor url is set: give a directory to run the server in this process, or the address of one")
	case c.StoreDir != "" && c.URL != "":
		bad("both store_dir and url are set: the log is either in this process or elsewhere; remove one")
	}
	if c.MaxPayload < 0 || c.MaxPayload > 8<<20 {
		bad("max_payload %d is outside 0 … %d bytes", c.MaxPayload, 8<<20)
	}
	if c.MaxStore < 0 {
		bad("max_store %d is negative", c.MaxStore)
	}
	if c.StartTimeout < 0 {
		bad("start_timeout %s is negative", c.StartTimeout)
	}
	if c.Listen != "" {
		host, _, err := splitListen(c.Listen)
		switch {
		case c.URL != "":
			bad("listen %q has no meaning with an external server; remove it", c.Listen)
		case err != nil:
			bad("listen %q: %w; write host:port, such as 127.0.0.1:4222", c.Listen, err)
		case c.Token == "" && !isLoopback(host):
			bad("listen %q is reachable from outside without a token: set token, or listen on 127.0.0.1", c.Listen)
		}
	}
	if c.Credentials != "" && c.URL == "" {
		bad("credentials are set but url is not: they are for an external server")
	}
	switch {
	case c.Replicas < 0 || c.Replicas > 5:
		bad("replicas %d is outside 0 … 5", c.Replicas)
	case c.Replicas > 1 && c.StoreDir != "":
		bad("replicas %d: a server in this process keeps one copy; leave it at 0", c.Replicas)
	}
	return errors.Join(errs...)
}

func (c Config) withDefaults() Config {
	if c.MaxPayload == 0 {
		c.MaxPayload = DefaultMaxPayload
	}
	if c.StartTimeout == 0 {
		c.StartTimeout = DefaultStartTimeout
	}
	if c.Name == "" {
		c.Name = "larstrom"
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.Replicas == 0 {
		c.Replicas = 1
		if c.URL != "" {
			c.Replicas = clusterReplicas
		}
	}
	return c
}

func splitListen(addr string) (host string, port int, err error) {
	host, p, err := net.SplitHostPort(addr)
	if err != nil {
		return "", 0, err
	}
	if port, err = strconv.Atoi(p); err != nil || port < 0 || port > 65535 {
		return "", 0, fmt.Errorf("port %q is not a number from 0 to 65535", p)
	}
	return host, port, nil
}

func isLoopback(host string) bool {
	if strings.EqualFold(host, "localhost") {
		return true
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}
