package control

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"
)

// Asker answers a person's query on a store, as Reader.SQL answers the operator's:
// what she reads of the rows is on record as hers.
type Asker interface {
	SQLAs(ctx context.Context, r SQLRequest, w io.Writer) error
}

// SQLRequest is a person's query.
type SQLRequest struct {
	Identity
	Store  string `json:"store"`
	Format string `json:"format"`
	Query  string `json:"query"`
	// Client is the program by which she asks.
	Client string `json:"client,omitempty"`
}

func (s *Server) asking(mux *http.ServeMux) {
	if s.cfg.Asker == nil {
		return
	}
	mux.HandleFunc("POST /v1/my/sql", func(w http.ResponseWriter, h *http.Request) {
		var r SQLRequest
		dec := json.NewDecoder(http.MaxBytesReader(w, h.Body, maxQuery))
		dec.DisallowUnknownFields()
		if err := dec.Decode(&r); err != nil {
			refuse(w, invalid("the request cannot be read: %v", err))
			return
		}
		out := &begun{w: w}
		switch err := s.cfg.Asker.SQLAs(h.Context(), r, out); {
		case err == nil:
		case !out.yes:
			refuse(w, errorOf(err))
		default:
			w.Header().Set(http.TrailerPrefix+errorTrailer, url.QueryEscape(err.Error()))
		}
	})
}

// SQLAs copies the result as it comes.
func (c *Client) SQLAs(ctx context.Context, r SQLRequest, w io.Writer) error {
	return c.copied(ctx, "/v1/my/sql", r, w)
}

// copied writes the answer to a request as it comes, with the error that may come
// behind it.
func (c *Client) copied(ctx context.Context, path string, request any, w io.Writer) error {
	b, err := json.Marshal(request)
	if err != nil {
		return err
	}
	res, err := c.do(ctx, http.MethodPost, path, nil, "application/json", strings.NewReader(string(b)))
	if err != nil {
		return err
	}
	_, err = io.Copy(w, res.Body)
	if err := errors.Join(err, res.Body.Close()); err != nil {
		return err
	}
	return trailed(res)
}

// trailed is the error that came after an answer had begun.
func trailed(res *http.Response) error {
	text := res.Trailer.Get(errorTrailer)
	if text == "" {
		return nil
	}
	if message, err := url.QueryUnescape(text); err == nil {
		text = message
	}
	return &Error{http.StatusInternalServerError, codeFailed, text}
}
