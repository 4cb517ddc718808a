package warehouse

import (
	"errors"
	"fmt"
	"io"
	"net"
	"syscall"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
)

// ErrDSN says that a data source name does not name a ClickHouse server's HTTP
// interface. The hot paths hand Arrow streams through, which only that can.
var ErrDSN = errors.New("the data source name must be of the form https://user:password@host:8443/database")

// Connect opens a connection to a ClickHouse server by its data source name,
// with the settings that the embedded engine has by itself: nothing here rests
// on the server's defaults.
func Connect(dsn string) (driver.Conn, error) {
	o, err := clickhouse.ParseDSN(dsn)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrDSN, err)
	}
	if o.Protocol != clickhouse.HTTP {
		return nil, ErrDSN
	}
	if o.Settings == nil {
		o.Settings = clickhouse.Settings{}
	}
	for name, value := range map[string]any{"async_insert": 0, "insert_deduplicate": 0} {
		if _, set := o.Settings[name]; !set {
			o.Settings[name] = value
		}
	}
	return clickhouse.Open(o)
}

// Transient reports whether a query failed because the store was not there or
// went away, so that the same work may succeed when it is back: all work on the
// stores can be repeated. What the store itself refused is not transient.
func Transient(err error) bool {
	var network net.Error // also what the HTTP client says of a broken exchange
	return errors.As(err, &network) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) ||
		errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.ECONNREFUSED) || errors.Is(err, syscall.EPIPE)
}
