package eventlog

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	natsd "larstrom/pipeline/embedded/nats"
	"larstrom/pipeline/event"
)

// The child process is this test binary with childMode set. It says on standard
// output what it does, a line at a time, so that the parent can kill it there.
const (
	childMode = "LARSTROM_EVENTLOG_CHILD"
	childDir  = "LARSTROM_EVENTLOG_DIR"
)

const (
	deliveryBlocks = 60
	blockSize      = 12_000
)

func deliverySubject(n int) string { return fmt.Sprintf("obs.nord.pvq.d%03d", n) }

func deliveryPayloads(n int) [][]byte { return payloads(deliveryBlocks, uint64(1000+n), blockSize) }

func acceptance(n int, r event.Range) (event.Event, error) {
	id := fmt.Sprintf("d%03d", n)
	return event.New(event.DeliverySubject("nord", "pvq", id), "", event.DeliveryAccepted{Delivery: id, Blocks: r}, time.Unix(1_700_000_000, 0))
}

func childLog() (*natsd.Client, *Log) {
	srv, err := natsd.Start(natsd.Config{StoreDir: os.Getenv(childDir)})
	if err == nil {
		var l *Log
		if l, err = Open(context.Background(), srv.JetStream(), Config{}); err == nil {
			return srv, l
		}
	}
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
	return nil, nil
}

// childAppends appends delivery after delivery, each with its acceptance, until
// it is killed.
func childAppends() {
	_, l := childLog()
	l.maxBatch = 9
	l.reached = func(point string, n uint64) { fmt.Println(point, n) }
	for n := 0; ; n++ {
		r, err := l.AppendBlocks(context.Background(), OBS, deliverySubject(n), blocksOf(deliveryPayloads(n)))
		if err == nil {
			fmt.Println("appended", n)
			var ev event.Event
			if ev, err = acceptance(n, r); err == nil {
				_, err = l.AppendEvent(context.Background(), ev, seqPtr(0))
			}
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		fmt.Println("accepted", n)
	}
}

// childEvents appends some events and a batch and says so after each answer.
func childEvents() {
	srv, l := childLog()
	defer srv.Shutdown()
	fmt.Println("open 0")
	last := uint64(0)
	for n := range 10 {
		ev, err := event.New(event.CatalogSubject("nord"), "", event.CatalogAdopted{Hash: strconv.Itoa(n)}, time.Unix(1_700_000_000, 0))
		if err == nil {
			last, err = l.AppendEvent(context.Background(), ev, &last)
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		fmt.Println("answered", n)
	}
	if _, err := l.AppendBlocks(context.Background(), OBS, "obs.a", blocksOf(payloads(100, 1, 1000))); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Println("answered 10")
}

func child(t *testing.T, mode, dir string, wrap ...string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	args := append(wrap, self)
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Env = append(os.Environ(), childMode+"="+mode, childDir+"="+dir)
	cmd.Stderr = os.Stderr
	return cmd
}

// runAndKill lets the child write so many lines and kills it. acked is the
// highest OBS sequence that it said was acknowledged, accepted the number of
// deliveries whose acceptance was.
func runAndKill(t *testing.T, dir string, lines int) (acked uint64, accepted int) {
	t.Helper()
	cmd := child(t, "append", dir)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	scan := bufio.NewScanner(out)
	subjectIsObs := true
	for n := 0; scan.Scan(); n++ {
		if n == lines {
			if err := cmd.Process.Kill(); err != nil {
				t.Fatal(err)
			}
		}
		// What the pipe still holds was said before the end: it counts.
		what, number, _ := strings.Cut(scan.Text(), " ")
		value, _ := strconv.ParseUint(number, 10, 64)
		switch {
		case what == "appended":
			subjectIsObs = false // what is acknowledged next is an event
		case what == "accepted":
			subjectIsObs = true
			accepted = max(accepted, int(value)+1)
		case what == "acknowledged" && subjectIsObs:
			acked = max(acked, value)
		}
	}
	if err := scan.Err(); err != nil && !errors.Is(err, io.ErrClosedPipe) {
		t.Fatal(err)
	}
	var exit *exec.ExitError
	if err := cmd.Wait(); !errors.As(err, &exit) || exit.ExitCode() != -1 {
		t.Fatalf("the child was not killed: %v", err)
	}
	return acked, accepted
}

// After a kill at any point: every acknowledged batch is there, no batch is
// there in part, nothing is there twice, and every acceptance that the ledger
// holds can be read.
func TestKill(t *testing.T) {
	dir := t.TempDir()
	const kills = 10
	r := rand.New(rand.NewPCG(uint64(time.Now().UnixNano()), 3))
	acked, accepted, unacked, seen := uint64(0), 0, 0, 0
	for n := range kills {
		lines := r.IntN(250)
		a, c := runAndKill(t, dir, lines)
		acked, accepted = max(acked, a), max(accepted, c)

		srv := startServer(t, dir)
		l := openLog(t, srv.JetStream(), Config{})
		info, err := l.state(t.Context(), OBS)
		if err != nil {
			t.Fatal(err)
		}
		if info.Last < acked || info.Missing > 0 {
			t.Fatalf("kill %d after %d lines: sequence %d was acknowledged, the stream ends at %d with %d missing", n, lines, acked, info.Last, info.Missing)
		}
		if info.Last > acked {
			unacked++
		}
		total := 0
		for d := 0; ; d++ {
			if d < seen { // message by message after an earlier kill
				total += deliveryBlocks
			} else {
				ps := deliveryPayloads(d)
				got, _, headers := contents(t, l.js, OBS, deliverySubject(d))
				if len(got) > len(ps) || !reflect.DeepEqual(got, ps[:len(got)]) && len(got) > 0 {
					t.Fatalf("kill %d after %d lines: delivery %d holds %d blocks that are not its first ones", n, lines, d, len(got))
				}
				if err := wholeBatches(headers); err != nil {
					t.Fatalf("kill %d after %d lines: delivery %d: %v", n, lines, d, err)
				}
				total += len(got)
			}
			ev, found, err := l.LastEvent(t.Context(), event.DeliverySubject("nord", "pvq", fmt.Sprintf("d%03d", d)))
			if err != nil {
				t.Fatal(err)
			}
			if !found {
				if d < accepted {
					t.Fatalf("kill %d after %d lines: the acceptance of delivery %d was acknowledged and is lost", n, lines, d)
				}
				break
			}
			body, err := event.Decode[event.DeliveryAccepted](ev)
			if err != nil {
				t.Fatal(err)
			}
			if err := l.ReadRange(t.Context(), OBS, body.Blocks, func(uint64, []byte) error { return nil }); err != nil {
				t.Fatalf("kill %d after %d lines: an accepted delivery: %v", n, lines, err)
			}
		}
		if uint64(total) != info.Messages {
			t.Fatalf("kill %d after %d lines: %d messages are stored, %d are of the deliveries", n, lines, info.Messages, total)
		}
		seen = accepted
		srv.Shutdown()
	}
	if accepted == 0 {
		t.Error("no delivery was ever accepted: the kills came too early to test anything")
	}
	t.Logf("%d kills; %d blocks acknowledged, %d deliveries accepted, %d times more was stored than acknowledged", kills, acked, accepted, unacked)
}

// wholeBatches checks that every atomic batch among the messages begins at 1 and
// ends with its commit.
func wholeBatches(headers []nats.Header) error {
	next, open := 1, ""
	for i, h := range headers {
		id := h.Get(headerBatchID)
		if open != "" && id != open {
			return fmt.Errorf("batch %s has %d messages and no commit", open, next-1)
		}
		if id == "" {
			continue
		}
		if open == "" {
			next = 1
		}
		if got := h.Get(headerBatchSequence); got != strconv.Itoa(next) {
			return fmt.Errorf("message %d has the number %s of batch %s, want %d", i, got, id, next)
		}
		open, next = id, next+1
		if h.Get(headerBatchCommit) != "" {
			open = ""
		}
	}
	if open != "" {
		return fmt.Errorf("batch %s has %d messages and no commit", open, next-1)
	}
	return nil
}

// The sync comes before the answer. Where the system calls of a child can be
// traced, they are; the setting itself is asserted by package natsd everywhere.
func TestSyncComesBeforeTheAnswer(t *testing.T) {
	strace, err := exec.LookPath("strace")
	if err != nil {
		t.Log("strace is not here; not run: the order of sync and answer")
		return
	}
	dir := t.TempDir()
	trace := filepath.Join(dir, "trace")
	cmd := child(t, "events", filepath.Join(dir, "store"), strace, "-f", "-e", "trace=fsync,fdatasync,write", "-s", "20", "-o", trace)
	out, err := cmd.Output()
	if err != nil {
		if !bytes.Contains(out, []byte("open")) {
			t.Logf("tracing is not allowed here (%v); not run: the order of sync and answer", err)
			return
		}
		t.Fatal(err)
	}
	b, err := os.ReadFile(trace)
	if err != nil {
		t.Fatal(err)
	}
	synced := regexp.MustCompile(`(fsync|fdatasync)(\(| resumed).*= 0$`)
	said := regexp.MustCompile(`write\(1, "(open|answered) `)
	syncs, answers := 0, 0
	var between []int
	for _, line := range strings.Split(string(b), "\n") {
		switch {
		case synced.MatchString(line):
			syncs++
		case said.MatchString(line):
			if answers > 0 {
				between = append(between, syncs)
				if syncs == 0 {
					t.Errorf("answer %d came without a sync before it", answers)
				}
			}
			answers, syncs = answers+1, 0
		}
	}
	if answers != 12 {
		t.Fatalf("%d lines of the child are in the trace, want 12", answers)
	}
	t.Logf("syncs before each of ten single events and one batch of 100 blocks: %v", between)
	if last := between[len(between)-1]; last > 40 {
		t.Errorf("the batch cost %d syncs: it is synced message by message", last)
	}
}
