package portal

import (
	"net/http"
	"net/http/httptest"
	"testing"
)

type uploads struct{ http.Handler }

func (uploads) Paths() []string { return []string{"/v1/uploads", "/v1/uploads/"} }

// TestMounted: what is mounted answers every method under any name of this
// machine, and the pages go on as before.
func TestMounted(t *testing.T) {
	teapot := uploads{http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) })}
	pages := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusOK) })
	h := mounted(teapot, ownNames(pages))
	for _, x := range []struct {
		method, host, path string
		status             int
	}{
		{"PATCH", "larstrom.example", "/v1/uploads/X", http.StatusTeapot},
		{"GET", "larstrom.example", "/v1/uploads", http.StatusTeapot},
		{"OPTIONS", "localhost:1", "/v1/uploads/", http.StatusTeapot},
		{"GET", "larstrom.example", "/v1/uploadsx", http.StatusMisdirectedRequest},
		{"GET", "localhost:1", "/", http.StatusOK},
	} {
		r := httptest.NewRequestWithContext(t.Context(), x.method, "http://"+x.host+x.path, nil)
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if w.Code != x.status {
			t.Errorf("%s %s%s: %d, want %d", x.method, x.host, x.path, w.Code, x.status)
		}
	}
}
