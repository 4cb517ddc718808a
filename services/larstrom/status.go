package main

import (
	"context"
)

type statusCmd struct {
	dataFlag
	jsonFlag
}

func (s *statusCmd) Run(ctx context.Context, c *console) error {
	return with(ctx, c, s.Data, crashFlags{}, func(on *session) error {
		st, err := on.Status(ctx)
		if err != nil {
			return err
		}
		st.Portal = on.portal
		if s.JSON {
			return writeJSON(c.out, "status", st)
		}
		var rows []string
		for _, f := range facts(st) {
			rows = append(rows, f.Name+"\t"+f.Text)
		}
		return writeTable(c.out, rows)
	})
}
