package deploy_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	natsd "larstrom/pipeline/embedded/nats"
	"larstrom/pipeline/event"
	"larstrom/pipeline/eventlog"
)

// natsOptions are those of nats.conf, as the server itself reads them.
func natsOptions(t testing.TB, env map[string]string) *server.Options {
	t.Helper()
	for _, name := range []string{"LARSTROM_NATS_PASSWORD", "LARSTROM_NATS_OPERATOR_PASSWORD"} {
		t.Setenv(name, env[name])
	}
	opts, err := server.ProcessConfigFile("nats/nats.conf")
	if err != nil {
		t.Fatal(err)
	}
	return opts
}

// startNATS runs a server with nats.conf on loopback ports and a folder of the
// test; nothing else is altered.
func startNATS(t testing.TB, env map[string]string) *server.Server {
	t.Helper()
	opts := natsOptions(t, env)
	opts.Host, opts.Port, opts.HTTPHost, opts.HTTPPort = "127.0.0.1", server.RANDOM_PORT, "127.0.0.1", server.RANDOM_PORT
	opts.StoreDir, opts.NoSigs, opts.NoLog = t.TempDir(), true, true
	opts.JetStreamMaxStore = 1 << 30 // the test's machine need not have the disk
	s, err := server.NewServer(opts)
	if err != nil {
		t.Fatal(err)
	}
	s.Start()
	t.Cleanup(func() {
		s.Shutdown()
		s.WaitForShutdown()
	})
	if !s.ReadyForConnections(20 * time.Second) {
		t.Fatal("the server with nats.conf was not ready after 20 s")
	}
	return s
}

func natsURL(s *server.Server, user, password string) string {
	return "nats://" + user + ":" + password + "@" + s.Addr().String()
}

// openLog opens the log as the services do, with their user.
func openLog(t *testing.T, s *server.Server, env map[string]string) (*natsd.Client, *eventlog.Log) {
	t.Helper()
	client, err := natsd.Open(t.Context(), natsd.Config{URL: natsURL(s, "larstrom", env["LARSTROM_NATS_PASSWORD"]), Replicas: 1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Shutdown)
	log, err := eventlog.Open(t.Context(), client.JetStream(), eventlog.Config{Replicas: client.Replicas()})
	if err != nil {
		t.Fatal(err)
	}
	return client, log
}

func TestNATSConfiguration(t *testing.T) {
	env := environment(t)
	opts := natsOptions(t, env)
	if opts.MaxPayload != 8<<20 {
		t.Errorf("max_payload is %d, and the services send up to %d", opts.MaxPayload, 8<<20)
	}
	if !opts.SyncAlways {
		t.Error("sync_interval is not always: an acknowledged message can be lost")
	}
	if opts.StoreDir != "/data" || opts.JetStreamMaxStore <= 0 {
		t.Errorf("store %q of %d bytes", opts.StoreDir, opts.JetStreamMaxStore)
	}
	if opts.LameDuckDuration+opts.LameDuckGracePeriod <= 0 {
		t.Error("there is no lame duck")
	}
	if running := startNATS(t, env).JetStreamConfig(); running == nil || !running.SyncAlways {
		t.Errorf("the running server does not sync every write: %+v", running)
	}
	t.Setenv("LARSTROM_NATS_PASSWORD", "")
	if err := os.Unsetenv("LARSTROM_NATS_PASSWORD"); err != nil {
		t.Fatal(err)
	}
	if _, err := server.ProcessConfigFile("nats/nats.conf"); err == nil || !strings.Contains(err.Error(), "LARSTROM_NATS_PASSWORD") {
		t.Errorf("without its password the server says %v", err)
	}
}

// TestLogOnConfiguredServer makes the streams and uses them as the services do:
// atomic batches, the largest event, reading back, following, erasing.
func TestLogOnConfiguredServer(t *testing.T) {
	env := environment(t)
	_, log := openLog(t, startNATS(t, env), env)
	const subject = "obs.r1.reg.d1"
	blocks := [][]byte{bytes.Repeat([]byte("a"), 1<<20), bytes.Repeat([]byte("b"), 1<<20), []byte("c")}
	stored, err := log.AppendBlocks(t.Context(), eventlog.OBS, subject, func(yield func(eventlog.Block, error) bool) {
		for _, b := range blocks {
			if !yield(eventlog.Block{Payload: b, Rows: 1}, nil) {
				return
			}
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	if err := log.ReadRange(t.Context(), eventlog.OBS, stored, func(_ uint64, payload []byte) error {
		if !bytes.Equal(payload, blocks[n]) {
			t.Errorf("block %d reads back with %d bytes", n, len(payload))
		}
		n++
		return nil
	}); err != nil || n != len(blocks) {
		t.Errorf("read %d of %d blocks: %v", n, len(blocks), err)
	}
	const largest = 8<<20 - 4<<10 // with its headers below max_payload
	if _, _, err := log.Append(t.Context(), eventlog.LEDGER, "ledger.test.r1", 0, [][]byte{make([]byte, largest)}, nil); err != nil {
		t.Errorf("a message of %d bytes: %v", largest, err)
	}
	adopted, err := event.New(event.CatalogSubject("r1"), "0", event.CatalogAdopted{Hash: strings.Repeat("a", 64)}, time.UnixMilli(0))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := log.AppendEvent(t.Context(), adopted, nil); err != nil {
		t.Error(err)
	}
	if _, err := log.DLQ(t.Context(), "test", map[string]string{"reason": "test"}, []byte("x")); err != nil {
		t.Error(err)
	}
	if erased, err := log.SecureErase(t.Context(), eventlog.OBS, stored); err != nil || erased != len(blocks) {
		t.Errorf("erased %d of %d blocks: %v", erased, len(blocks), err)
	}
}

// TestNobodyDeletesTheLog: who has the services' password cannot take a stream
// away, empty or change it, nor erase from the LEDGER; an operator can.
func TestNobodyDeletesTheLog(t *testing.T) {
	env := environment(t)
	s := startNATS(t, env)
	for who, url := range map[string]string{"a wrong password": natsURL(s, "larstrom", "wrong"), "no user": "nats://" + s.Addr().String()} {
		if nc, err := nats.Connect(url); err == nil {
			nc.Close()
			t.Errorf("%s: let in", who)
		}
	}
	client, log := openLog(t, s, env)
	if _, _, err := log.Append(t.Context(), eventlog.LEDGER, "ledger.test.r1", 0, [][]byte{[]byte("x")}, nil); err != nil {
		t.Fatal(err)
	}
	js := client.JetStream()
	ledger, err := js.Stream(t.Context(), eventlog.LEDGER)
	if err != nil {
		t.Fatal(err)
	}
	// What is denied has no answer: the server says so on the connection.
	const noAnswer = 300 * time.Millisecond
	denied := func(what string, do func(context.Context) error) {
		t.Helper()
		ctx, stop := context.WithTimeout(t.Context(), noAnswer)
		defer stop()
		if err := do(ctx); !errors.Is(err, context.DeadlineExceeded) && !errors.Is(err, nats.ErrPermissionViolation) {
			t.Errorf("%s: %v, want a refusal by the user's permissions", what, err)
		}
	}
	for _, name := range []string{eventlog.OBS, eventlog.CELLS, eventlog.LEDGER, eventlog.DLQ} {
		denied("delete "+name, func(ctx context.Context) error { return js.DeleteStream(ctx, name) })
	}
	changed := ledger.CachedInfo().Config
	changed.MaxMsgs = 1
	denied("change LEDGER", func(ctx context.Context) error { _, err := js.UpdateStream(ctx, changed); return err })
	denied("purge LEDGER", func(ctx context.Context) error { return ledger.Purge(ctx) })
	denied("erase from LEDGER", func(ctx context.Context) error { return ledger.DeleteMsg(ctx, 1) })
	if info, err := log.Info(t.Context()); err != nil || info[2].Messages != 1 {
		t.Errorf("LEDGER after all this: %+v, %v", info, err)
	}
	nc, err := nats.Connect(natsURL(s, "operator", env["LARSTROM_NATS_OPERATOR_PASSWORD"]))
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	operator, err := jetstream.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	dlq, err := operator.Stream(t.Context(), eventlog.DLQ)
	if err != nil {
		t.Fatal(err)
	}
	if err := dlq.Purge(t.Context()); err != nil {
		t.Errorf("an operator empties the DLQ: %v", err)
	}
}
