package control_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"filippo.io/age"

	"larstrom/pipeline/intake/rawstore"
	"larstrom/services/larstrom/control"
)

func TestSourceOperators(t *testing.T) {
	c, operator, viewer := people(t)
	id, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	d := &desk{seal: rawstore.NewSealer(id.Recipient(), id)}
	dir := filepath.Join(t.TempDir(), "in")
	h, err := control.SourceOperators(t.Context(), dir, d.seal, c, d)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(h)
	defer server.Close()
	file := filepath.Join(t.TempDir(), "f1.csv")
	if err := os.WriteFile(file, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	stranger := filepath.Join(filepath.Dir(file), "z.csv")
	if err := os.WriteFile(stranger, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, x := range []struct{ name, token, file, want string }{
		{"an operator", operator, file, ""},
		{"a viewer", viewer, file, "viewer is no source_operator"},
		{"nobody", "nonsense", file, "a personal token of the catalog is needed"},
		{"a file of no feed", operator, stranger, "no feed has a pattern"},
	} {
		d.files = nil
		remote, err := control.NewRemote(server.URL, x.token)
		if err != nil {
			t.Fatal(err)
		}
		_, err = remote.Submit(t.Context(), []string{x.file}, false)
		if x.want == "" && (err != nil || len(d.files) != 1 || !strings.HasPrefix(d.files[0], "f1.csv: x,")) {
			t.Errorf("%s: %v, files %v", x.name, err, d.files)
		}
		if x.want != "" && (err == nil || !strings.Contains(err.Error(), x.want) || len(d.files) != 0) {
			t.Errorf("%s: %v, files %v; want %q", x.name, err, d.files, x.want)
		}
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
	// What the door refuses at the token it does not read.
	req := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/v1/submit?name=f1.csv", unreadable{t})
	w := httptest.NewRecorder()
	h.ServeHTTP(w, req)
	if w.Code != http.StatusUnauthorized {
		t.Errorf("without a token: %d", w.Code)
	}
}

func TestAnOperatorOfAnotherRegistry(t *testing.T) {
	c, operator, _ := people(t)
	for i := range c.People {
		if c.People[i].ID == "op" {
			c.People[i].Roles[0].Registries = []string{"other"}
		}
	}
	d := &desk{}
	h, err := control.SourceOperators(t.Context(), t.TempDir(), nil, c, d)
	if err != nil {
		t.Fatal(err)
	}
	req := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/v1/submit?name=f1.csv", strings.NewReader("x"))
	req.Header.Set("Authorization", "Bearer "+operator)
	w := httptest.NewRecorder()
	h.ServeHTTP(w, req)
	if w.Code != http.StatusForbidden || len(d.files) != 0 || !strings.Contains(w.Body.String(), "registry reg") {
		t.Errorf("%d %s, files %v", w.Code, w.Body, d.files)
	}
}

func TestATokenIsNotSentInClear(t *testing.T) {
	for _, address := range []string{"http://registry.example", "registry.example", "ftp://x", "http://127.0.0.1.example"} {
		if _, err := control.NewRemote(address, "t"); err == nil {
			t.Errorf("%s: a client was made", address)
		}
	}
	for _, address := range []string{"https://registry.example", "http://127.0.0.1:8080", "http://localhost:8080/"} {
		if _, err := control.NewRemote(address, "t"); err != nil {
			t.Errorf("%s: %v", address, err)
		}
	}
}

type unreadable struct{ t *testing.T }

func (u unreadable) Read([]byte) (int, error) {
	u.t.Error("the body was read")
	return 0, io.EOF
}
