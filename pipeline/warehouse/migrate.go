package warehouse

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
)

// ErrMigration says that a store was migrated by other files than these.
var ErrMigration = errors.New("the store's migrations differ from this program's")

// unknownTable is ClickHouse's code for a table that does not exist.
const unknownTable = 60

// Migrate applies the files NNN_name.sql in dir of fsys that the store does
// not have yet, in order. Every statement is repeatable, so a crash between
// statements is mended by the next start. A file that changed after it was
// applied, or an applied file that is unknown here, is ErrMigration.
func Migrate(ctx context.Context, conn driver.Conn, fsys fs.FS, dir string) error {
	const table = `CREATE TABLE IF NOT EXISTS migration (name String, sha256 String, applied_at DateTime DEFAULT now())
		ENGINE = ReplacingMergeTree ORDER BY name`
	applied, err := appliedMigrations(ctx, conn)
	// A user who may only read finds a store that is migrated as it is.
	if exception := new(clickhouse.Exception); errors.As(err, &exception) && exception.Code == unknownTable {
		if err = conn.Exec(ctx, table); err == nil {
			applied, err = appliedMigrations(ctx, conn)
		}
	}
	if err != nil {
		return fmt.Errorf("migrate: %w", err)
	}
	files, err := fs.Glob(fsys, dir+"/*.sql")
	if err != nil {
		return fmt.Errorf("migrate: %w", err)
	}
	slices.Sort(files)
	known := map[string]bool{}
	type pending struct {
		name, hash string
		statements []string
	}
	var ahead []pending
	for _, file := range files {
		text, err := fs.ReadFile(fsys, file)
		if err != nil {
			return fmt.Errorf("migrate: %w", err)
		}
		name := strings.TrimPrefix(file, dir+"/")
		known[name] = true
		sum := sha256.Sum256(text)
		hash := hex.EncodeToString(sum[:])
		if was, ok := applied[name]; ok {
			if was != hash {
				return fmt.Errorf("%w: %s was changed after it was applied; add a new file instead, or rebuild the store with replay", ErrMigration, name)
			}
			continue
		}
		ahead = append(ahead, pending{name, hash, statements(string(text))})
	}
	// A view that a later file makes again is made once: a new store has most of its
	// statements from views that others took the place of.
	last := map[string]int{}
	for i, m := range ahead {
		for _, stmt := range m.statements {
			if view, ok := viewOf(stmt); ok {
				last[view] = i
			}
		}
	}
	for i, m := range ahead {
		for _, stmt := range m.statements {
			if view, ok := viewOf(stmt); ok && last[view] > i {
				continue
			}
			if err := conn.Exec(ctx, stmt); err != nil {
				return fmt.Errorf("migrate %s: %w", m.name, err)
			}
		}
		if err := conn.Exec(ctx, "INSERT INTO migration (name, sha256) VALUES (?, ?)", m.name, m.hash); err != nil {
			return fmt.Errorf("migrate %s: %w", m.name, err)
		}
	}
	for name := range applied {
		if !known[name] {
			return fmt.Errorf("%w: the store has %s, which this program does not know; use a newer program", ErrMigration, name)
		}
	}
	return nil
}

// viewOf is the view that a statement makes or makes again.
func viewOf(statement string) (name string, ok bool) {
	name, ok = strings.CutPrefix(statement, "CREATE OR REPLACE VIEW ")
	name, _, _ = strings.Cut(name, " ")
	return name, ok
}

func appliedMigrations(ctx context.Context, conn driver.Conn) (map[string]string, error) {
	rows, err := conn.Query(ctx, "SELECT name, sha256 FROM migration FINAL")
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	applied := map[string]string{}
	for rows.Next() {
		var name, hash string
		if err := rows.Scan(&name, &hash); err != nil {
			return nil, err
		}
		applied[name] = hash
	}
	return applied, rows.Err()
}

// statements splits a migration at semicolons that end a line. Our own files
// have no semicolon at the end of a line inside a string.
func statements(text string) []string {
	var out []string
	for part := range strings.SplitSeq(text, ";\n") {
		var kept []string
		for line := range strings.Lines(part) {
			if !strings.HasPrefix(strings.TrimSpace(line), "--") {
				kept = append(kept, line)
			}
		}
		if s := strings.TrimSpace(strings.Join(kept, "")); s != "" {
			out = append(out, strings.TrimSuffix(s, ";"))
		}
	}
	return out
}
