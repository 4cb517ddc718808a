package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"time"
)

// healthzCmd asks a process that listens whether it is healthy. An image that
// holds nothing but this program can check itself by it.
type healthzCmd struct {
	URL     string        `name:"url" default:"http://127.0.0.1:8080/healthz" placeholder:"URL" help:"Address of /healthz."`
	Timeout time.Duration `default:"5s" help:"How long to wait for the answer."`
}

// mostReason bounds what is read of an answer that says why not.
const mostReason = 1 << 10

func (h *healthzCmd) Run(ctx context.Context, c *console) error {
	ctx, stop := context.WithTimeout(ctx, h.Timeout)
	defer stop()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, h.URL, http.NoBody)
	if err != nil {
		return &usageError{fmt.Sprintf("healthz: --url: %v", err)}
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return fmt.Errorf("healthz: %w", err)
	}
	defer func() { _ = answer.Body.Close() }()
	text, err := io.ReadAll(io.LimitReader(answer.Body, mostReason))
	if err != nil {
		return fmt.Errorf("healthz: %s: %w", h.URL, err)
	}
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("healthz: %s: %s: %s", h.URL, answer.Status, oneLine(string(text)))
	}
	_, err = fmt.Fprintln(c.out, oneLine(string(text)))
	return err
}
