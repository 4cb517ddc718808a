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
		st.Running, st.Portal = on.running, on.portal
		if s.JSON {
			return writeJSON(c.out, "status", st)
		}
		rows := []string{"Process\t" + process(on.running, s.Data)}
		for _, f := range facts(st) {
			rows = append(rows, f.Name+"\t"+f.Text)
		}
		return writeTable(c.out, rows)
	})
}

// process says whether anything works on the folder.
func process(running bool, data string) string {
	if running {
		return "running"
	}
	return "stopped: no process works on this folder, and what comes waits; start one with larstrom up --data " + quoted(data)
}
