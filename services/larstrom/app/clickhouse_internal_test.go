package app

import (
	"errors"
	"fmt"
	"net"
	"syscall"
	"testing"
)

// TestAPickedPortThatIsTaken: a port that the program chose may be another's
// before the engine listens; one that was asked for is not changed.
func TestAPickedPortThatIsTaken(t *testing.T) {
	busy, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = busy.Close() }()
	picked := ClickHouse{Listen: "127.0.0.1:0"}
	if err := picked.reserve(t.Context()); err != nil {
		t.Fatal(err)
	}
	taken := fmt.Errorf("the child ended: %w", syscall.EADDRINUSE)
	picked.Listen = busy.Addr().String()
	if picked.repick(t.Context(), errors.New("the disk is full")) || picked.Listen != busy.Addr().String() {
		t.Error("another port for another failure")
	}
	if !picked.repick(t.Context(), taken) || picked.Listen == busy.Addr().String() || picked.Listen == "127.0.0.1:0" {
		t.Errorf("after the port was taken: %s", picked.Listen)
	}
	asked := ClickHouse{Listen: busy.Addr().String()}
	if asked.repick(t.Context(), taken) || asked.Listen != busy.Addr().String() {
		t.Errorf("an asked port became %s", asked.Listen)
	}
}
