package main

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/hex"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"larstrom/pipeline/audit"
	"larstrom/pipeline/catalog"
	"larstrom/pipeline/event"
	"larstrom/pipeline/queue"
)

func TestQueueTable(t *testing.T) {
	if got := queueTable(queue.Queue{}); len(got) != 1 || got[0] != "nothing awaits you" {
		t.Errorf("an empty queue: %q", got)
	}
	got := queueTable(queue.Queue{Tasks: []queue.Task{
		{Severity: event.Block, Check: "C11", Checks: []string{"C11"}, Indicator: "i", Unit: "u", Units: []string{"u"}, OpenedOn: catalog.NewDate(2026, 3, 1), Flags: []string{"f1"}},
		{Severity: event.Hold, Check: "T06", Checks: []string{"T06"}, Indicator: "i", Incident: "incident-1", OpenedOn: catalog.NewDate(2026, 3, 2), Flags: []string{"f2", "f3", "f4"}},
		{Severity: event.Hold, Check: "T06", Checks: []string{"K09", "T06"}, Indicator: "i", Unit: "a", Units: []string{"a", "b", "c", "d", "e"}, OpenedOn: catalog.NewDate(2026, 3, 2), Flags: []string{"f5"}},
	}, Folded: queue.Folded{Tasks: 3, Blocks: 1}})
	want := []string{"BLOCK\tC11\ti\tu\t2026-03-01\t-\tf1", "HOLD\tT06\ti\tall\t2026-03-02\tincident-1\tf2 and 2 more",
		"HOLD\tK09, T06\ti\ta, b, c and 2 more\t2026-03-02\t-\tf5",
		"and 3 more tasks (1 that block) beyond what there is time for; --json names their flags"}
	if strings.Join(got[1:], "\n") != strings.Join(want, "\n") || strings.Count(got[0], "\t") != strings.Count(want[0], "\t") {
		t.Errorf("the table:\n%s", strings.Join(got, "\n"))
	}
}

// Who signs protocols is told what awaits her, also when no flag does.
func TestQueueNamesIntroductions(t *testing.T) {
	got := queueTable(queue.Queue{Introductions: []queue.Introduction{{Indicator: "i", Version: "2", Since: catalog.NewDate(2026, 3, 1)},
		{Indicator: "j", Version: "1", Since: catalog.NewDate(2026, 3, 2), Protocol: "p1"}}})
	want := []string{"indicator i version 2 is shown to its pilot units only, since 2026-03-01: draw a sample (larstrom protocol draw)",
		"indicator j version 1 is shown to its pilot units only, since 2026-03-02: check the cases and sign protocol p1 (larstrom protocol sign)"}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("the table:\n%s", strings.Join(got, "\n"))
	}
}

// A trail is verified with the key of the data folder, or with one that is
// named; another key, or a changed trail, is said.
func TestVerifyTrail(t *testing.T) {
	dir := t.TempDir()
	key, err := audit.MakeKey(filepath.Join(dir, "keys", "audit.key"), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	var trail bytes.Buffer
	w, err := audit.NewWriter(&trail, key, "nord", time.Unix(0, 0))
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "trail.jsonl")
	if err := os.WriteFile(file, trail.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	public := hex.EncodeToString(key.Public().(ed25519.PublicKey))
	for name, c := range map[string]struct {
		cmd  flagsAuditCmd
		want string // of the answer; empty: an error
	}{
		"own":      {flagsAuditCmd{dataFlag: dataFlag{Data: dir}, Verify: file}, "whole: 0 events of region nord"},
		"named":    {flagsAuditCmd{dataFlag: dataFlag{Data: t.TempDir()}, Verify: file, Key: public}, "signed with " + public},
		"no key":   {flagsAuditCmd{dataFlag: dataFlag{Data: t.TempDir()}, Verify: file}, ""},
		"another":  {flagsAuditCmd{Verify: file, Key: strings.Repeat("00", 32)}, ""},
		"none":     {flagsAuditCmd{Verify: file, Key: "xyz"}, ""},
		"no file":  {flagsAuditCmd{Verify: file + "x", Key: public}, ""},
		"no trail": {flagsAuditCmd{Verify: filepath.Join(dir, "keys", "audit.key"), Key: public}, ""},
	} {
		var out bytes.Buffer
		err := c.cmd.verify(&console{out: &out, getenv: func(string) string { return "" }})
		if (err == nil) != (c.want != "") || !strings.Contains(out.String(), c.want) {
			t.Errorf("%s: %q, %v", name, out.String(), err)
		}
	}
}
