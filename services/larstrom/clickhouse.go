package main

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"

	"larstrom/pipeline/intake/rawstore"
	"larstrom/services/larstrom/app"
)

// envClickHousePassword holds the password of --clickhouse-user: no process
// list shows it there, as it would on a command line.
const envClickHousePassword = "LARSTROM_CLICKHOUSE_PASSWORD" //nolint:gosec // the name of a variable, and no password

// clickHouseFlags say how the released store is served to Grafana.
type clickHouseFlags struct {
	ClickHouseListen       string `name:"clickhouse-listen" placeholder:"ADDR" help:"Serve the released store to Grafana at this address, such as 127.0.0.1:8123, over ClickHouse's HTTP interface, read-only (default: not)."`
	ClickHouseAudience     string `name:"clickhouse-audience" placeholder:"PROFILE" help:"Serve at --clickhouse-listen what a wider audience of the catalog sees (default: the exact store, for those within the organisation)."`
	ClickHouseUser         string `name:"clickhouse-user" default:"grafana" placeholder:"NAME" help:"User of --clickhouse-listen."`
	ClickHousePasswordFile string `name:"clickhouse-password-file" env:"LARSTROM_CLICKHOUSE_PASSWORD_FILE" placeholder:"FILE" help:"File with the password of --clickhouse-listen (default: $LARSTROM_CLICKHOUSE_PASSWORD, or else one that is made and kept in the data folder)."`
}

// clickHousePasswordFile is, in the data folder, where a password that was made
// is kept.
const clickHousePasswordFile = "clickhouse-password"

// config is what the command line and the environment say, checked before
// anything is made. Its password is empty when one is to be made; where names
// the source of the password for people.
func (f *clickHouseFlags) config(data string, getenv func(string) string) (c app.ClickHouse, where string, err error) {
	if f.ClickHouseListen == "" {
		return app.ClickHouse{}, "", nil
	}
	c = app.ClickHouse{Listen: f.ClickHouseListen, Audience: f.ClickHouseAudience, User: f.ClickHouseUser, Password: getenv(envClickHousePassword)}
	switch {
	case c.Password != "" && f.ClickHousePasswordFile != "":
		return c, "", &usageError{"up: give either $" + envClickHousePassword + " or --clickhouse-password-file"}
	case c.Password != "":
		return c, "$" + envClickHousePassword, c.Validate()
	case f.ClickHousePasswordFile != "":
		if c.Password, err = readPassword(f.ClickHousePasswordFile); err != nil {
			return c, "", fmt.Errorf("the password of --clickhouse-listen: %w", err)
		}
		return c, f.ClickHousePasswordFile, c.Validate()
	}
	made := c
	made.Password = rand.Text()
	kept := clickHousePasswordFile
	if c.Audience != "" {
		kept += "-" + c.Audience // who may read the one store may not read the other
	}
	return c, filepath.Join(data, kept), made.Validate()
}

// readPassword reads a file of one line.
func readPassword(path string) (string, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return "", err
	}
	b = bytes.TrimSuffix(bytes.TrimSuffix(b, []byte("\n")), []byte("\r"))
	if len(b) == 0 || bytes.ContainsAny(b, "\r\n\x00") {
		return "", fmt.Errorf("%s: want one line that is not empty", path)
	}
	return string(b), nil
}

// keptPassword reads the password that an earlier start made, or makes it. Only
// the owner of the data folder can read it.
func keptPassword(path string) (string, error) {
	info, err := os.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		password := rand.Text()
		return password, rawstore.WriteFile(path, []byte(password+"\n"), 0o600)
	case err != nil:
		return "", err
	case !info.Mode().IsRegular() || info.Mode().Perm()&0o077 != 0:
		return "", fmt.Errorf("%s: others can read it (%s); make it readable for its owner alone, or delete it, and a new one is made", path, info.Mode())
	}
	return readPassword(path)
}

// announceClickHouse says where to point Grafana, and where the password is,
// never the password.
func announceClickHouse(log *slog.Logger, address, user, where string) {
	log.Info("Grafana: add a ClickHouse data source", "server", address, "protocol", "HTTP", "user", user, "password_in", where, "database", "released")
	if !app.IsLoopback(address) {
		log.Warn("other machines reach the released store, with a password and unencrypted; put it behind a TLS proxy or a private network", "server", address)
	}
}
