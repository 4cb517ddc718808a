package eventlog

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/nats-io/nats.go"
)

// Headers of the DLQ.
const (
	headerReason    = "Larstrom-Reason"
	headerTruncated = "Larstrom-Truncated"
)

// DLQ stores what infrastructure could not process on dlq.<reason> and returns
// its sequence. reason is one word; headers say where it came from and must name
// no person. A payload above the server's limit is cut, and the header
// Larstrom-Truncated then gives its length.
func (l *Log) DLQ(ctx context.Context, reason string, headers map[string]string, payload []byte) (seq uint64, err error) {
	if reason == "" || strings.Contains(reason, ".") {
		return 0, fmt.Errorf("log: reason %q of a dead letter is not one word: %w", reason, ErrInvalid)
	}
	m := message{header: nats.Header{headerReason: {reason}}, data: payload}
	for k, v := range headers {
		if strings.ContainsAny(k+v, "\r\n") || k == "" {
			return 0, fmt.Errorf("log: header %q of a dead letter is empty or has a line break: %w", k, ErrInvalid)
		}
		m.header.Set(k, v)
	}
	if limit := int(l.nc.MaxPayload()) - 2*headerRoom; m.size() > limit {
		if over := m.size() - limit; over < len(payload) {
			m.header.Set(headerTruncated, strconv.Itoa(len(payload)))
			m.data = payload[:len(payload)-over]
		}
	}
	_, seq, err = l.appendAfterLast(ctx, DLQ, "dlq."+reason, []message{m})
	return seq, err
}
