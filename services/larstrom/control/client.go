package control

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"mime/multipart"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"larstrom/pipeline/catalog"
	"larstrom/pipeline/intake"
)

// Client asks a process that serves the API. It is a Submitter, a Reader and a
// Reviewer. Where the process refuses, the error is an *Error.
type Client struct {
	base, token string
	whom        string
	http        *http.Client
	// Portal is the address of the pages of the process; empty: it has none.
	Portal string
}

// NewClient is a client of the process that run.json names.
func NewClient(r Run) *Client {
	c := newClient("http://"+r.Address, r.Token)
	if r.Listen != "" {
		c.Portal = "http://" + r.Listen
	}
	return c
}

// NewRemote is a client of the portal at that address, which takes exports from
// the owner of a personal token. A token goes through a network only encrypted.
func NewRemote(address, token string) (Submitter, error) {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" {
		return nil, fmt.Errorf("server %q: write https://HOST", address)
	}
	if u.Scheme == "http" && !loopback(u.Host) {
		return nil, fmt.Errorf("server %q: the token would go through the network in clear; write https://", address)
	}
	if token == "" {
		return nil, fmt.Errorf("server %q: %w: give it in LARSTROM_TOKEN or with --token-file", address, ErrNoToken)
	}
	c := newClient(address, token)
	c.http.Transport = &http.Transport{Proxy: http.ProxyFromEnvironment, DisableKeepAlives: true, ForceAttemptHTTP2: true}
	c.whom = "the server"
	return c, nil
}

// newClient uses no proxy: what it sends is for this address alone.
func newClient(base, token string) *Client {
	return &Client{base: strings.TrimSuffix(base, "/"), token: token, whom: "the running process", http: &http.Client{
		Transport:     &http.Transport{DisableKeepAlives: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// ping asks whether the process answers to the token.
func (c *Client) ping(ctx context.Context) error {
	ctx, stop := context.WithTimeout(ctx, 5*time.Second)
	defer stop()
	r, err := c.do(ctx, http.MethodGet, "/v1/ping", nil, "", nil)
	if err != nil {
		return err
	}
	return r.Body.Close()
}

// do sends a request. A refusal is an error; else the caller closes the body.
func (c *Client) do(ctx context.Context, method, path string, query url.Values, contentType string, body io.Reader) (*http.Response, error) {
	u := c.base + path
	if len(query) > 0 {
		u += "?" + query.Encode()
	}
	req, err := http.NewRequestWithContext(ctx, method, u, body)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Authorization", "Bearer "+c.token)
	if contentType != "" {
		req.Header.Set("Content-Type", contentType)
	}
	res, err := c.http.Do(req)
	if err != nil {
		return nil, fmt.Errorf("ask %s: %w", c.whom, err)
	}
	if res.StatusCode < 300 {
		return res, nil
	}
	defer func() { _ = res.Body.Close() }()
	refusal := &Error{Status: res.StatusCode}
	if err := json.NewDecoder(io.LimitReader(res.Body, 1<<20)).Decode(refusal); err != nil || refusal.Message == "" {
		return nil, fmt.Errorf("ask %s: it answered %s", c.whom, res.Status)
	}
	return nil, refusal
}

func ask[T any](ctx context.Context, c *Client, method, path string, query url.Values, contentType string, body io.Reader) (v T, err error) {
	res, err := c.do(ctx, method, path, query, contentType, body)
	if err != nil {
		return v, err
	}
	defer func() { _ = res.Body.Close() }()
	if err := json.NewDecoder(res.Body).Decode(&v); err != nil {
		return v, fmt.Errorf("ask %s: %w", c.whom, err)
	}
	return v, nil
}

// Submit hands the files in together, with the manifests that lie beside them.
func (c *Client) Submit(ctx context.Context, paths []string, again bool) ([]intake.Receipt, error) {
	in, out := io.Pipe()
	form := multipart.NewWriter(out)
	sent := make(chan error, 1)
	go func() { // ends with the request, which closes the reading side
		err := sendFiles(form, paths)
		sent <- err
		_ = out.CloseWithError(err)
	}()
	receipts, err := ask[[]intake.Receipt](ctx, c, http.MethodPost, "/v1/submit", url.Values{"again": {strconv.FormatBool(again)}},
		form.FormDataContentType(), in)
	_ = in.CloseWithError(io.ErrClosedPipe)
	// A file that cannot be read is the reason; the request only broke by it.
	if sendErr := <-sent; sendErr != nil && !errors.Is(sendErr, io.ErrClosedPipe) {
		return nil, sendErr
	}
	return receipts, err
}

func sendFiles(form *multipart.Writer, paths []string) error {
	for _, p := range paths {
		if err := sendFile(form, partFile, p); err != nil {
			return err
		}
		manifest := filepath.Join(filepath.Dir(p), intake.ManifestName(filepath.Base(p)))
		if err := sendFile(form, partManifest, manifest); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return form.Close()
}

func sendFile(form *multipart.Writer, part, path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	w, err := form.CreateFormFile(part, filepath.Base(path))
	if err != nil {
		return err
	}
	_, err = io.Copy(w, f)
	return err
}

// Status asks for the status.
func (c *Client) Status(ctx context.Context) (Status, error) {
	return ask[Status](ctx, c, http.MethodGet, "/v1/status", nil, "", nil)
}

// Catalog asks for the catalog in use.
func (c *Client) Catalog(ctx context.Context) (*catalog.Catalog, error) {
	res, err := c.do(ctx, http.MethodGet, "/v1/catalog", nil, "", nil)
	if err != nil {
		return nil, err
	}
	defer func() { _ = res.Body.Close() }()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		return nil, fmt.Errorf("ask %s: %w", c.whom, err)
	}
	return catalog.Decode(b)
}

// SQL copies the result as it comes.
func (c *Client) SQL(ctx context.Context, store, format, query string, w io.Writer) error {
	res, err := c.do(ctx, http.MethodPost, "/v1/sql", url.Values{"store": {store}, "format": {format}}, "text/plain; charset=utf-8", strings.NewReader(query))
	if err != nil {
		return err
	}
	_, err = io.Copy(w, res.Body)
	if err := errors.Join(err, res.Body.Close()); err != nil {
		return fmt.Errorf("read the result: %w", err)
	}
	return trailed(res)
}

// Flags asks for all flags.
func (c *Client) Flags(ctx context.Context) ([]Flag, error) {
	return ask[[]Flag](ctx, c, http.MethodGet, "/v1/flags", nil, "", nil)
}

// Flag asks for the flag of that id.
func (c *Client) Flag(ctx context.Context, id string) (Flag, error) {
	return ask[Flag](ctx, c, http.MethodGet, "/v1/flags/"+url.PathEscape(id), nil, "", nil)
}

// Decide hands in a decision.
func (c *Client) Decide(ctx context.Context, d DecisionRequest) (Decision, error) {
	b, err := json.Marshal(d)
	if err != nil {
		return Decision{}, err
	}
	return ask[Decision](ctx, c, http.MethodPost, "/v1/flags/"+url.PathEscape(d.Flag)+"/decisions", nil, "application/json", strings.NewReader(string(b)))
}
