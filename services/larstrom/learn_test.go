package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"larstrom/pipeline/event"
	"larstrom/pipeline/learning"
	"larstrom/services/larstrom/control"
)

func TestLearnedTable(t *testing.T) {
	if got := learnedTable(control.Learned{}); len(got) != 1 || got[0] != "no check has raised a flag yet" {
		t.Errorf("nothing learned: %q", got)
	}
	p, low, high, minutes := 0.1, 0.043, 0.214, 12.4
	got := learnedTable(control.Learned{
		Checks: []learning.Stat{
			{Check: "D04", Version: 2, Severity: event.Hold, Flags: 70, Open: 10, Decided: 50, DataErrors: 5, Precision: &p, Low: &low, High: &high, MinutesRaised: &minutes},
			{Check: "T99", Shadow: 8},
		},
		Proposals: []learning.Proposal{{Check: "D04", Version: 2, Decided: 50, DataErrors: 5}, {Check: "C11", Version: 1, Promote: true, Decided: 60, DataErrors: 60}},
	})
	want := []string{
		"D04\t2\tHOLD\t70\t10\t0\t0\t0\t0\t50\t5\t10\t4-21\t12\t-",
		"T99\t0\t-\t0\t0\t0\t0\t0\t8\t0\t0\t-\t-\t-\t-",
		"proposal: check D04 version 2: lower its severity (5 of 50 decisions found the data wrong); for a steward, in the catalog",
		"proposal: check C11 version 1: raise it to BLOCK (60 of 60 decisions found the data wrong); for a steward, in the catalog",
	}
	if strings.Join(got[1:], "\n") != strings.Join(want, "\n") || strings.Count(got[0], "\t") != strings.Count(want[0], "\t") {
		t.Errorf("the table:\n%s", strings.Join(got, "\n"))
	}
}

func TestMailFlags(t *testing.T) {
	dir := t.TempDir()
	secret := filepath.Join(dir, "secret")
	if err := os.WriteFile(secret, []byte("right\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	env := func(string) string { return "" }
	for _, c := range []struct {
		flags mailFlags
		wrong string
	}{
		{mailFlags{}, ""},
		{mailFlags{MailFrom: "a@b.example"}, "name --mail-server or --mail-outbox"},
		{mailFlags{MailServer: "m.example:25", MailOutbox: dir, MailFrom: "a@b.example"}, "choose one"},
		{mailFlags{MailServer: "m.example:25"}, "--mail-from is needed"},
		{mailFlags{MailServer: "m.example", MailFrom: "a@b.example"}, "host:port"},
		{mailFlags{MailServer: "m.example:25", MailFrom: "a@b.example", MailUser: "u"}, "go together"},
		{mailFlags{MailServer: "m.example:25", MailFrom: "a@b.example", MailUser: "u", MailPasswordFile: secret}, ""},
		{mailFlags{MailServer: "m.example:25", MailFrom: "a@b.example", MailUser: "u", MailPasswordFile: filepath.Join(dir, "none")}, "password of --mail-user"},
		{mailFlags{MailOutbox: dir, MailFrom: "a@b.example"}, ""},
	} {
		_, err := c.flags.sink(env)
		if (c.wrong == "") != (err == nil) || err != nil && !strings.Contains(err.Error(), c.wrong) {
			t.Errorf("%+v: %v, want %q", c.flags, err, c.wrong)
		}
	}
	for address, want := range map[string]string{"": "", "https://l.example/": "https://l.example", "https://l.example/q/": "https://l.example/q", "l.example": "!", "https://u:p@l.example": "!"} {
		got, err := (&mailFlags{MailPages: address}).pages()
		if err != nil {
			got = "!"
		}
		if got != want {
			t.Errorf("%q: %q, want %q", address, got, want)
		}
	}
}
