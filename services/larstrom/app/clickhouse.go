package app

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"syscall"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"larstrom/pipeline/embedded/engine"
)

// ClickHouse says how the embedded released store is served to Grafana, over
// ClickHouse's HTTP interface.
type ClickHouse struct {
	// Listen is host:port; empty: it is not served. Port 0 picks a free port,
	// which stays the same when the engine is started again.
	Listen string
	picks  string // what Listen was where it left the port to us
	// Audience is the wider audience whose store is served; empty: the exact one.
	Audience string
	// User and Password authenticate every request. Required with Listen.
	User, Password string
}

// ErrClickHouse says that the released store cannot be served as asked.
var ErrClickHouse = errors.New("the released store cannot be served over ClickHouse's interface")

// Validate reports every problem at once; each wraps ErrClickHouse.
func (c ClickHouse) Validate() error {
	if c.Listen == "" {
		return nil
	}
	var errs []error
	bad := func(format string, args ...any) {
		errs = append(errs, fmt.Errorf("%w: "+format, append([]any{ErrClickHouse}, args...)...))
	}
	if _, _, err := net.SplitHostPort(c.Listen); err != nil {
		bad("address %q: want host:port, such as 127.0.0.1:8123: %w", c.Listen, err)
	}
	if c.User == "" {
		bad("the user is empty")
	}
	switch {
	case c.Password == "":
		bad("the password is empty")
	case !IsLoopback(c.Listen) && len(c.Password) < minPassword:
		bad("%s is reached from other machines and the password has %d characters; give one of %d or more, or none, and one is made", c.Listen, len(c.Password), minPassword)
	case !IsLoopback(c.Listen) && commonPassword(c.User, c.Password):
		bad("%s is reached from other machines and the password is one that everybody tries first; give another, or none, and one is made", c.Listen)
	}
	return errors.Join(errs...)
}

// minPassword is the least length of a password that other machines may try.
const minPassword = 12

// commonPassword reports passwords that are a default somewhere, also repeated
// or with digits and signs added.
func commonPassword(user, password string) bool {
	letters := strings.ToLower(strings.Trim(password, "0123456789!?.,-_@#$%&* "))
	for _, word := range []string{"", "password", "passwort", "losenord", "lösenord", "changeme", "change-me", "change_me", "secret", "admin", "administrator", "default", "grafana", "clickhouse",
		"larstrom", "lärström", "released", "reader", "test", "qwerty", "letmein", strings.ToLower(user)} {
		if letters == word || word != "" && strings.ReplaceAll(letters, word, "") == "" {
			return true
		}
	}
	return false
}

// IsLoopback reports whether an address to listen on is reached from this
// machine alone.
func IsLoopback(address string) bool {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return false
	}
	ip, err := netip.ParseAddr(host)
	return strings.EqualFold(host, "localhost") || err == nil && ip.IsLoopback()
}

// ReleasedViews are what readers of the released store may read, in its own
// database. The tables behind them also hold superseded values, so they are for
// nobody else.
func ReleasedViews() []string {
	return []string{"annotation", "cell", "chart", "delivery", "flag", "funnel", "indicator", "run", "unit", "variation"}
}

// Limits of one query, and of all at once: for dashboards, and so that they
// leave the machine to the night's work.
const (
	clickHouseSeconds    = 60
	clickHouseMemory     = 1 << 30
	clickHouseRows       = 1_000_000 // of a result, as many as Grafana takes
	clickHouseBytes      = 256 << 20 // of a result
	clickHouseRowsRead   = 1_000_000_000
	clickHouseConcurrent = 8
	clickHouseWaiting    = 64
	clickHouseRequest    = 1 << 20
)

// listener is the engine's listener for Grafana.
func (c ClickHouse) listener() engine.Listener {
	tables := ReleasedViews()
	for i, view := range tables {
		tables[i] = "released." + view
	}
	return engine.Listener{Addr: c.Listen, User: c.User, Password: c.Password, Database: "released", Policy: engine.Policy{
		ReadOnly: true, Tables: tables,
		// additional_table_filters: ad-hoc filters of a dashboard. limit: the row
		// limit of a data source. The rest is how a result looks.
		AllowSettings: []string{"additional_table_filters", "limit", "session_timezone", "date_time_output_format",
			"output_format_json_quote_64bit_integers", "output_format_json_quote_denormals"},
		// What clients send unasked.
		IgnoreSettings: []string{"readonly", "log_comment", "add_http_cors_header", "send_progress_in_http_headers", "cancel_http_readonly_queries_on_client_close"},
		Limits: map[string]uint64{"max_execution_time": clickHouseSeconds, "max_memory_usage": clickHouseMemory, "max_rows_to_read": clickHouseRowsRead,
			"max_result_rows": clickHouseRows, "max_result_bytes": clickHouseBytes},
		MaxConcurrent: clickHouseConcurrent, MaxWaiting: clickHouseWaiting, MaxRequest: clickHouseRequest,
	}}
}

// Free refuses an address that is in use.
func (c *ClickHouse) Free(ctx context.Context) error {
	return (&ClickHouse{Listen: c.Listen}).reserve(ctx)
}

// reserve finds the address that Listen means, before anything has started: one
// in use is told at once, and a picked port is named, so that it stays.
func (c *ClickHouse) reserve(ctx context.Context) error {
	if c.Listen == "" {
		return nil
	}
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", c.Listen)
	if err != nil {
		return fmt.Errorf("%w: listen on %s: %w; choose another address, or stop what uses it", ErrClickHouse, c.Listen, err)
	}
	if _, port, _ := net.SplitHostPort(c.Listen); port == "0" {
		c.picks = c.Listen
	}
	c.Listen = l.Addr().String()
	return l.Close()
}

// repick picks another port, where the program picked the last one and somebody
// took it before the engine came to listen there.
func (c *ClickHouse) repick(ctx context.Context, failed error) bool {
	if c.picks == "" || !strings.Contains(failed.Error(), syscall.EADDRINUSE.Error()) {
		return false
	}
	c.Listen = c.picks
	return c.reserve(ctx) == nil
}

// ClickHouseAddr is where Grafana reaches the released store; empty: nowhere.
func (a *App) ClickHouseAddr() string { return a.cfg.ClickHouse.Listen }

// ReleasedReader is a connection to the released store that may only read.
func (a *App) ReleasedReader() driver.Conn { return a.readers[1] }

// WarehouseReader may only read the warehouse: what was delivered, also what is
// not released.
func (a *App) WarehouseReader() driver.Conn { return a.readers[0] }

// viewsOfTheirOwn lets the views of the released store be read by who may not
// read the tables behind them. A store made by an earlier program has views that
// are read with the rights of who asks.
func viewsOfTheirOwn(ctx context.Context, conn driver.Conn) error {
	var views []string
	const foreign = "SELECT groupArray(name) FROM system.tables WHERE database = currentDatabase() AND engine = 'View' AND position(create_table_query, 'SQL SECURITY DEFINER') = 0"
	if err := conn.QueryRow(ctx, foreign).Scan(&views); err != nil {
		return fmt.Errorf("look at the released views: %w", err)
	}
	for _, view := range ReleasedViews() {
		if !slices.Contains(views, view) {
			continue
		}
		if err := conn.Exec(ctx, "ALTER TABLE `"+view+"` MODIFY SQL SECURITY DEFINER DEFINER = CURRENT_USER"); err != nil {
			return fmt.Errorf("open the released view %s to its readers: %w", view, err)
		}
	}
	return nil
}
