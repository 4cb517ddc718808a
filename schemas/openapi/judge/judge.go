package judge

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/legacy"
)

// Document reads a document, which must be valid.
func Document(t testing.TB, yaml []byte) *openapi3.T {
	t.Helper()
	doc, err := openapi3.NewLoader().LoadFromData(yaml)
	if err != nil {
		t.Fatal(err)
	}
	if err := doc.Validate(t.Context()); err != nil {
		t.Fatal(err)
	}
	return doc
}

// Transport passes requests to next and fails the test where an answer is not as
// the document says; what the document does not name passes unseen.
func Transport(t testing.TB, doc *openapi3.T, next http.RoundTripper) http.RoundTripper {
	t.Helper()
	router, err := legacy.NewRouter(doc)
	if err != nil {
		t.Fatal(err)
	}
	return &transport{t, next, router}
}

type transport struct {
	t      testing.TB
	next   http.RoundTripper
	router routers.Router
}

func (j *transport) RoundTrip(r *http.Request) (*http.Response, error) {
	res, err := j.next.RoundTrip(r)
	if err != nil {
		return res, err
	}
	route, params, err := j.router.FindRoute(r)
	if err != nil {
		return res, nil //nolint:nilerr // no page of the document
	}
	b, err := io.ReadAll(res.Body)
	if err := errors.Join(err, res.Body.Close()); err != nil {
		return nil, err
	}
	res.Body = io.NopCloser(bytes.NewReader(b))
	in := &openapi3filter.ResponseValidationInput{
		RequestValidationInput: &openapi3filter.RequestValidationInput{Request: r, PathParams: params, Route: route},
		Status:                 res.StatusCode, Header: res.Header,
		Options: &openapi3filter.Options{IncludeResponseStatus: true, MultiError: true, ExcludeResponseBody: r.Method == http.MethodHead},
	}
	in.SetBodyBytes(b)
	if err := openapi3filter.ValidateResponse(r.Context(), in); err != nil {
		j.t.Errorf("%s %s: the answer %d %v %q is not as published: %v", r.Method, r.URL.Path, res.StatusCode, res.Header, b, err)
	}
	return res, nil
}

func (j *transport) CloseIdleConnections() {
	if c, ok := j.next.(interface{ CloseIdleConnections() }); ok {
		c.CloseIdleConnections()
	}
}
