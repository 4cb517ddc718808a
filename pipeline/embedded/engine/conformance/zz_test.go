package conformance_test

import (
	"bytes"
	"context"
	"io"
	"os"
	"sync/atomic"
	"testing"
	"time"
	"log/slog"
	"fmt"
	"strconv"
	"sync"

	"github.com/apache/arrow/go/v15/arrow/ipc"
	"larstrom/pipeline/embedded/engine"
)

func TestZZ(t *testing.T) {
	comp := os.Getenv("ZZ_COMP")
	set := map[string]string{}
	if comp != "" { set["output_format_arrow_compression_method"] = comp }
	if s := os.Getenv("ZZ_SET"); s != "" { set[s] = os.Getenv("ZZ_VAL") }
	e, err := engine.Start(t.Context(), engine.Config{Path: t.TempDir(), Logger: slog.New(slog.NewTextHandler(os.Stderr, nil)), Settings: set, StopTimeout: 2*time.Second})
	if err != nil { t.Fatal(err) }
	defer e.Close()
	conn, _ := e.Open()
	defer conn.Close()
	conn.Exec(t.Context(), "CREATE TABLE t "+benchColumns)
	block := arrowBlock(t, 0, 20000, 2, ipc.WithLZ4())
	if os.Getenv("ZZ_PLAIN") != "" { block = arrowBlock(t, 0, 20000, 2) }
	conn.Exec(t.Context(), "CREATE TABLE big "+benchColumns); conn.Exec(t.Context(), "INSERT INTO big SELECT concat('unit ', toString(number % 100)), toDate32(number % 40000), number, number / 4, concat('note ', toString(number % 1000)) FROM numbers(5000000)"); for range 5 { if err := conn.InsertFormat(t.Context(), "ArrowStream", "INSERT INTO t", bytes.NewReader(block)); err != nil { t.Fatal(err) } }
	var sel, ins, hung atomic.Int64
	dur, _ := strconv.Atoi(os.Getenv("ZZ_SECS"))
	ctx, cancel := context.WithTimeout(t.Context(), time.Duration(dur)*time.Second)
	defer cancel()
	var wg sync.WaitGroup
	n, _ := strconv.Atoi(os.Getenv("ZZ_PAR"))
	mode := os.Getenv("ZZ_MODE")
	for i := range n {
		wg.Add(1)
		go func() {
			defer wg.Done()
			for ctx.Err() == nil && hung.Load() == 0 {
				one, stop := context.WithTimeout(t.Context(), 90*time.Second)
				if mode == "ins" || mode == "both" && i%2 == 0 {
					if err := conn.InsertFormat(one, "ArrowStream", "INSERT INTO t", bytes.NewReader(block)); err != nil { hung.Add(1); fmt.Println("ins", err) } else { ins.Add(1) }
				} else {
					s, err := conn.QueryFormat(one, "ArrowStream", "SELECT * FROM big ORDER BY n")
					if err == nil { _, err = io.Copy(io.Discard, s); s.Close() }
					if err != nil { hung.Add(1); fmt.Println("sel", err) } else { sel.Add(1) }
				}
				stop()
			}
		}()
	}
	wg.Wait()
	fmt.Println("selects", sel.Load(), "inserts", ins.Load(), "hung", hung.Load())
}
