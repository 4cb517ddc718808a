package warehouse

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"larstrom/pipeline/cell"
	"larstrom/pipeline/disclosure"
)

// ErrNoHistory says that the warehouse does not hold a history of editions under
// its name, or not whole. It can be made again from the editions.
var ErrNoHistory = errors.New("the warehouse does not hold this history of editions")

// WriteHistory keeps what an audience's editions up to this one have shown and
// withheld of an indicator; it returns the history's name.
func (w *Warehouse) WriteHistory(ctx context.Context, audience string, edition int, indicator string, h disclosure.History) (string, error) {
	name := h.Sum()
	if len(h.Withheld)+len(h.Shown) == 0 {
		return name, nil
	}
	batch, err := w.conn.PrepareBatch(ctx, `INSERT INTO history
		(audience, edition, history, region, registry, indicator, version, granularity, unit, stratum, period_start, withheld, fingerprint)`)
	if err != nil {
		return "", fmt.Errorf("history of %s: %w", indicator, err)
	}
	defer func() { _ = batch.Close() }()
	row := func(k *cell.Key, withheld bool, fp string) error {
		return batch.Append(audience, uint32(edition), name, k.Region, k.Registry, k.Indicator, k.Version, k.Granularity, k.Unit, k.Stratum, k.PeriodStart, withheld, fp)
	}
	for i := range h.Withheld {
		if err := row(&h.Withheld[i], true, ""); err != nil {
			return "", fmt.Errorf("history of %s: %w", indicator, err)
		}
	}
	for i := range h.Shown {
		if err := row(&h.Shown[i].Key, false, h.Shown[i].Fingerprint.String()); err != nil {
			return "", fmt.Errorf("history of %s: %w", indicator, err)
		}
	}
	if err := batch.Send(); err != nil {
		return "", fmt.Errorf("history of %s: %w", indicator, err)
	}
	return name, nil
}

// History reads a history by its name. What is not exactly that is ErrNoHistory:
// an edition made with less could show what was withheld.
func (w *Warehouse) History(ctx context.Context, audience string, edition int, indicator, name string) (disclosure.History, error) {
	var h disclosure.History
	if name == h.Sum() {
		return h, nil
	}
	rows, err := w.conn.Query(ctx, `SELECT DISTINCT toString(region), toString(registry), toString(version), toString(granularity), toString(unit), toString(stratum),
		period_start, withheld, fingerprint FROM history WHERE audience = ? AND edition = ? AND history = ? AND indicator = ?`, audience, uint32(edition), name, indicator)
	if err != nil {
		return h, fmt.Errorf("history of %s: %w", indicator, err)
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		k := cell.Key{Indicator: indicator}
		var withheld bool
		var text string
		if err := rows.Scan(&k.Region, &k.Registry, &k.Version, &k.Granularity, &k.Unit, &k.Stratum, &k.PeriodStart, &withheld, &text); err != nil {
			return h, fmt.Errorf("history of %s: %w", indicator, err)
		}
		if withheld {
			h.Withheld = append(h.Withheld, k)
			continue
		}
		fp, err := cell.ParseFingerprint(text)
		if err != nil {
			return h, fmt.Errorf("history of %s: %w", indicator, err)
		}
		h.Shown = append(h.Shown, disclosure.Source{Key: k, Fingerprint: fp})
	}
	if err := rows.Err(); err != nil {
		return h, fmt.Errorf("history of %s: %w", indicator, err)
	}
	slices.SortFunc(h.Withheld, cell.Key.Compare)
	slices.SortFunc(h.Shown, func(a, b disclosure.Source) int { return a.Key.Compare(b.Key) })
	if h.Sum() != name {
		return disclosure.History{}, fmt.Errorf("%w: %s of %s, edition %d", ErrNoHistory, indicator, audience, edition)
	}
	return h, nil
}

// DropHistory removes what is kept of an audience's edition that no later one
// needs.
func (w *Warehouse) DropHistory(ctx context.Context, audience string, edition int) error {
	if err := w.conn.Exec(ctx, fmt.Sprintf("ALTER TABLE history DROP PARTITION (%s, %d)", text(audience), edition)); err != nil {
		return fmt.Errorf("drop the history of edition %d of %s: %w", edition, audience, err)
	}
	return nil
}
