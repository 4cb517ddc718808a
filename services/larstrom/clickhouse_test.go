package main

import (
	"bufio"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestUpServesGrafana starts `up --clickhouse-listen` twice: it makes a password
// and keeps it, tells where both are and never the password, answers with it,
// and takes another from the environment.
func TestUpServesGrafana(t *testing.T) {
	data := filepath.Join(t.TempDir(), "data")
	examples, err := filepath.Abs("../../schemas/catalog/examples/nhs-ae")
	if err != nil {
		t.Fatal(err)
	}
	kept := filepath.Join(data, clickHousePasswordFile)
	for _, given := range []string{"", "a password of the environment"} {
		cmd := program(t.Context(), t, "up", "--data", data, "--catalog", examples, "--listen", "", "--clickhouse-listen", "127.0.0.1:0")
		cmd.Env = append(cmd.Env, envClickHousePassword+"="+given)
		log, err := cmd.StderrPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		defer func() { _ = cmd.Process.Kill() }()
		type line struct {
			Msg, Server, User, Database, Protocol string
			PasswordIn                            string `json:"password_in"`
		}
		said, all := make(chan line, 1), make(chan string, 1)
		go func() { // ends with the process
			var text strings.Builder
			lines := bufio.NewScanner(log)
			for lines.Scan() {
				text.WriteString(lines.Text() + "\n")
				var l line
				if json.Unmarshal(lines.Bytes(), &l) == nil && strings.HasPrefix(l.Msg, "Grafana:") {
					said <- l
				}
			}
			all <- text.String()
		}()
		var at line
		select {
		case at = <-said:
		case text := <-all:
			t.Fatalf("up has ended:\n%s", text)
		case <-time.After(2 * time.Minute):
			t.Fatal("up says nothing of Grafana")
		}
		password, where := given, "$"+envClickHousePassword
		if given == "" {
			b, err := os.ReadFile(kept)
			if err != nil {
				t.Fatal(err)
			}
			password, where = strings.TrimSpace(string(b)), kept
			if info, err := os.Stat(kept); err != nil || info.Mode().Perm() != 0o600 || len(password) < 20 {
				t.Errorf("%s: %v, %v, %d characters", kept, info.Mode(), err, len(password))
			}
		}
		if at.User != "grafana" || at.Database != "released" || at.Protocol != "HTTP" || at.PasswordIn != where {
			t.Errorf("up says %+v", at)
		}
		for name, value := range map[string]string{password: "0\n", "wrong": "Code: 516"} {
			r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+at.Server+"/?query=SELECT+count()+FROM+released.chart", nil)
			if err != nil {
				t.Fatal(err)
			}
			r.SetBasicAuth("grafana", name)
			response, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(r)
			if err != nil {
				t.Fatal(err)
			}
			if b, err := io.ReadAll(response.Body); err != nil || !strings.HasPrefix(string(b), value) {
				t.Errorf("%s, %v; want %s", b, err, value)
			}
			_ = response.Body.Close()
		}
		if strings.Contains(strings.Join(cmd.Args, " "), password) {
			t.Error("the password is on a command line")
		}
		if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
			t.Fatal(err)
		}
		if text := <-all; strings.Contains(text, password) {
			t.Errorf("up has told the password:\n%s", text)
		}
		if err := cmd.Wait(); err != nil {
			t.Errorf("up: %v", err)
		}
	}
}

func TestKeptPassword(t *testing.T) {
	path := filepath.Join(t.TempDir(), clickHousePasswordFile)
	made, err := keptPassword(path)
	if err != nil {
		t.Fatal(err)
	}
	if again, err := keptPassword(path); err != nil || again != made {
		t.Errorf("%q, %v; want the one that was made", again, err)
	}
	if err := os.Chmod(path, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := keptPassword(path); err == nil || !strings.Contains(err.Error(), "others can read it") {
		t.Errorf("a password that others can read: %v", err)
	}
	for text, want := range map[string]string{"a b\n": "a b", "a\r\n": "a", "": "", "\n": "", "a\nb\n": ""} {
		file := filepath.Join(t.TempDir(), "file")
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if got, err := readPassword(file); got != want || (err == nil) != (want != "") {
			t.Errorf("%q: %q, %v; want %q", text, got, err, want)
		}
	}
}
