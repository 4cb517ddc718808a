package engine

import (
	"context"
	"fmt"
	"io"
	"os"
	"testing"

	"go.uber.org/goleak"
)

// TestMain is also the child process, for which Start runs this binary with
// "engine", and the one of withoutGuard.
func TestMain(m *testing.M) {
	children := map[string]func(context.Context, io.Reader, io.Writer) error{"engine": RunChild, "grants": runGrants}
	if len(os.Args) > 1 && children[os.Args[1]] != nil {
		if err := children[os.Args[1]](context.Background(), os.Stdin, os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	goleak.VerifyTestMain(m)
}
