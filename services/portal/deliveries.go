package portal

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"

	"larstrom/pipeline/intake"
	"larstrom/pipeline/run"
)

// perPage is how many rows a long list shows at a time.
const perPage = 100

// pager leads through a long list.
type pager struct {
	Before, After    string
	First, Last, All int
}

// pageOf is the asked-for page of a list of n, counted from 1, and where its
// rows are.
func pageOf(r *http.Request, n int) (pg pager, offset int) {
	at, err := strconv.Atoi(r.URL.Query().Get("page"))
	if err != nil || at < 1 || at > (n+perPage-1)/perPage {
		at = 1
	}
	offset = (at - 1) * perPage
	pg = pager{First: offset + 1, Last: min(offset+perPage, n), All: n}
	link := func(page int) string {
		q := r.URL.Query()
		q.Set("page", strconv.Itoa(page))
		return r.URL.Path + "?" + q.Encode()
	}
	if at > 1 {
		pg.Before = link(at - 1)
	}
	if pg.Last < n {
		pg.After = link(at + 1)
	}
	return pg, offset
}

type deliveriesBody struct {
	Exports []export
	pager
}

func (p *Portal) deliveries(r *http.Request) (*view, error) {
	b := &deliveriesBody{}
	if err := p.ledger(r.Context(), func(s *run.State) error {
		all := arrivals(s)
		published := publishedRuns(s)
		pg, offset := pageOf(r, len(all))
		b.pager = pg
		for _, a := range all[offset:b.Last] {
			e := exportOf(published, a.delivery)
			if a.again != nil {
				e.State, e.File, e.ReceivedAt = "repeated", a.again.Name, a.again.At
			}
			b.Exports = append(b.Exports, e)
		}
		return nil
	}); err != nil {
		return nil, err
	}
	return &view{Title: p.words.t("nav.deliveries"), Section: "deliveries", Crumbs: p.crumbs(), Body: b}, nil
}

// arrival is a file that came: the first of its bytes, or one that came again.
type arrival struct {
	delivery *run.Delivery
	again    *run.Repeat
	at       time.Time
}

// arrivals are all files that came, newest first.
func arrivals(s *run.State) []arrival {
	var all []arrival
	for _, d := range slices.Backward(s.Deliveries()) {
		all = append(all, arrival{delivery: d, at: d.ReceivedAt})
		for i := range d.Repeated {
			all = append(all, arrival{d, &d.Repeated[i], d.Repeated[i].At})
		}
	}
	slices.SortStableFunc(all, func(a, b arrival) int { return b.at.Compare(a.at) })
	return all
}

type deliveryBody struct {
	export
	Receipt *intake.Receipt
	// Unkept says that the receipt is not kept here.
	Unkept   bool
	Meanings map[string]string // by rule
	Feed     string
	Problems []intake.ReceiptProblem
	Further  int64
	Data     string
	// Awaited says for what it waits; empty: for nothing.
	Awaited string
}

func (p *Portal) delivery(r *http.Request) (*view, error) {
	id := r.PathValue("delivery")
	var e export
	awaited := ""
	if err := p.ledger(r.Context(), func(s *run.State) error {
		d := s.Delivery(id)
		if d == nil {
			return errMissing
		}
		e, awaited = exportOf(publishedRuns(s), d), p.awaited(s, d)
		return nil
	}); err != nil {
		return nil, err
	}
	b := &deliveryBody{export: e, Meanings: map[string]string{}, Feed: e.Feed, Data: p.data(), Awaited: awaited}
	for _, f := range e.Problems {
		b.Problems = append(b.Problems, intake.ReceiptProblem{Line: f.Line, Column: f.Column, Rule: f.Rule, Text: f.Text, Hint: f.Hint})
	}
	receipt, err := p.receiptOf(r, id)
	switch {
	case errors.Is(err, ErrNoReceipt):
		b.Unkept = true
	case err != nil:
		// What the LEDGER says is shown nevertheless.
		p.cfg.Logger.Error("the receipt cannot be read", "delivery", id, "error", err)
		b.Unkept = true
	default:
		b.Receipt, b.Problems, b.Further = &receipt, receipt.Problems, receipt.Further
	}
	for _, c := range e.Rules {
		b.Meanings[c.Rule] = p.words.or("rule.", c.Rule)
	}
	return &view{Title: e.File, Section: "deliveries", Crumbs: p.crumbs(crumb{"/deliveries", p.words.t("nav.deliveries")}), Body: b}, nil
}

// awaited says what keeps the delivery back, if anything does.
func (p *Portal) awaited(s *run.State, d *run.Delivery) string {
	for _, q := range s.Sequences() {
		switch {
		case !slices.Contains(q.Held, d):
		case len(q.Missing) == 0:
			return p.words.t("delivery.disputed", strconv.FormatInt(q.Next, 10))
		case q.Missing[0].From == q.Missing[0].Through:
			return p.words.t("delivery.awaits", strconv.FormatInt(q.Missing[0].From, 10))
		default:
			return p.words.t("delivery.awaits", fmt.Sprintf("%d – %d", q.Missing[0].From, q.Missing[0].Through))
		}
	}
	return ""
}

// receiptOf is what the sender was told of a delivery that the LEDGER knows.
func (p *Portal) receiptOf(r *http.Request, id string) (intake.Receipt, error) {
	if p.cfg.Pages.Receipts == nil {
		return intake.Receipt{}, ErrNoReceipt
	}
	rec, err := p.cfg.Pages.Receipts.Receipt(r.Context(), id)
	// The rejected rows are the sender's raw data: nothing here leads to them.
	rec.RejectedRows = ""
	return rec, err
}

// receipt is the receipt as it was stored, without the way to the rejected
// rows.
func (p *Portal) receipt(w http.ResponseWriter, r *http.Request) {
	id := r.PathValue("delivery")
	err := p.ledger(r.Context(), func(s *run.State) error {
		if s.Delivery(id) == nil {
			return errMissing
		}
		return nil
	})
	var rec intake.Receipt
	if err == nil {
		rec, err = p.receiptOf(r, id)
	}
	if errors.Is(err, ErrNoReceipt) {
		err = errMissing
	}
	if err != nil {
		p.show("missing", func(*http.Request) (*view, error) { return nil, err })(w, r)
		return
	}
	body, err := json.MarshalIndent(rec, "", "  ")
	if err != nil {
		p.cfg.Logger.Error("the receipt cannot be written", "delivery", id, "error", err)
		http.Error(w, "the receipt cannot be written", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.Header().Set("Content-Disposition", `attachment; filename="receipt-`+url.PathEscape(id)+`.json"`)
	_, _ = w.Write(append(body, '\n'))
}

// data is what commands name after --data.
func (p *Portal) data() string {
	if p.cfg.Pages.Data == "" {
		return "DIR"
	}
	return quoted(p.cfg.Pages.Data)
}
