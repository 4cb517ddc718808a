package upload

import (
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"time"

	"larstrom/pipeline/catalog"
	"larstrom/pipeline/intake"
)

// look is how often a waiting request looks whether another process that
// shares the folder has handed the file in.
const look = time.Second

// rowsTime is how long the rejected rows may take to be read.
const rowsTime = 10 * time.Minute

// Pending is the answer while a file has no receipt yet.
type Pending struct {
	// Status is receiving while bytes are missing, else handing_in.
	Status string `json:"status"`
	Offset int64  `json:"offset"`
	Length int64  `json:"length"`
}

func (h *Handler) receipt(w http.ResponseWriter, r *http.Request, feed *catalog.Feed) *Problem {
	u, p := h.mine(r, feed)
	if p != nil {
		return p
	}
	return h.await(w, r, u, preferred(r, h.cfg.Limits.Wait))
}

// preferred is how long the sender is ready to wait (RFC 7240, wait).
func preferred(r *http.Request, most time.Duration) time.Duration {
	for _, line := range r.Header.Values("Prefer") {
		for part := range strings.FieldsFuncSeq(line, func(c rune) bool { return c == ',' || c == ';' }) {
			if text, ok := strings.CutPrefix(strings.TrimSpace(part), "wait="); ok {
				if n, err := strconv.Atoi(text); err == nil && n >= 0 {
					return min(time.Duration(n)*time.Second, most)
				}
			}
		}
	}
	return 0
}

// await answers with the receipt, as soon as it is there or with what is known
// when the time is over.
func (h *Handler) await(w http.ResponseWriter, r *http.Request, u *info, most time.Duration) *Problem {
	// The time of the wait is not the sender's stall.
	c := http.NewResponseController(w)
	_ = c.SetReadDeadline(time.Now().Add(most + h.cfg.Limits.Stall))
	over := time.NewTimer(most)
	defer over.Stop()
	tick := time.NewTicker(look)
	defer tick.Stop()
	for waits := true; ; {
		done := h.decided(u.ID)
		now, err := h.store.load(u.ID)
		if err != nil {
			return h.failed("read an upload", err)
		}
		if u = now; u.State == decided || !waits || most == 0 {
			break
		}
		select {
		case <-done:
		case <-tick.C:
		case <-over.C:
			waits = false
		case <-r.Context().Done():
			return nil
		}
	}
	_ = c.SetWriteDeadline(time.Now().Add(answerTime))
	if u.State == decided {
		h.tell(u.ID)
	} else {
		status := receiving
		if u.State == whole || u.Offset == u.Length {
			status = "handing_in"
		}
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Retry-After", "2")
		w.WriteHeader(http.StatusAccepted)
		_ = json.NewEncoder(w).Encode(Pending{status, u.Offset, u.Length})
		return nil
	}
	return h.show(w, r, u)
}

// show writes the receipt. To the request that brought the file, one that
// became no fact is no success.
func (h *Handler) show(w http.ResponseWriter, r *http.Request, u *info) *Problem {
	rec := *u.Receipt
	if rec.RejectedRows != "" {
		rec.RejectedRows = PathUploads + "/" + u.ID + "/rejected"
	}
	status := http.StatusOK
	if r.Method == http.MethodPut && rec.Status != intake.StatusAccepted && rec.Status != intake.StatusRepeated {
		status = http.StatusUnprocessableEntity
	}
	if wantsText(r) {
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		w.WriteHeader(status)
		_ = rec.WriteText(w)
		return nil
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	_ = e.Encode(rec)
	return nil
}

// rejected is the file of the rejected rows, in the sender's own dialect.
func (h *Handler) rejected(w http.ResponseWriter, r *http.Request, feed *catalog.Feed) *Problem {
	u, p := h.mine(r, feed)
	if p != nil {
		return p
	}
	none := problem(http.StatusNotFound, typeMissing, "There are no rejected rows", "", "GET the receipt: it says what became of the file")
	if u.Receipt == nil || u.Receipt.RejectedRows == "" {
		return none
	}
	f, err := h.cfg.Receipts.RejectedRows(u.Receipt.Delivery)
	if errors.Is(err, fs.ErrNotExist) {
		return none
	}
	if err != nil {
		return h.failed("read the rejected rows", err)
	}
	defer func() { _ = f.Close() }()
	w.Header().Set("Content-Type", intake.RejectedType(feed))
	w.Header().Set("Content-Disposition", mime.FormatMediaType("attachment", map[string]string{"filename": u.Name + "." + intake.RejectedName(feed)}))
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(rowsTime))
	w.WriteHeader(http.StatusOK)
	_, _ = io.Copy(w, f)
	return nil
}
