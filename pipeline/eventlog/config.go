package eventlog

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"reflect"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// The streams.
const (
	// OBS holds Arrow blocks of observations on obs.<region>.<registry>.<delivery>.
	OBS = "OBS"
	// CELLS holds Arrow blocks of changed cells on cells.<region>.<registry>.<delivery>.
	CELLS = "CELLS"
	// LEDGER holds the events on ledger.>.
	LEDGER = "LEDGER"
	// DLQ holds what infrastructure could not process on dlq.<reason>.
	DLQ = "DLQ"
)

// Limits of atomic batches. The count is the server's; the bytes are ours: the
// server copies a batch into memory to commit it.
const (
	MaxBatch      = 1000
	MaxBatchBytes = 16 << 20
)

// Config of a Log.
type Config struct {
	// Replicas is the number of copies of each stream: 1 on an embedded server,
	// 3 on a cluster. 0 means 1.
	Replicas int
	// Source is the CloudEvents source of the events that this process appends,
	// such as "/larstrom/ingest". Empty means "/larstrom".
	Source string
	// AckWait is how long one answer of the server is awaited before looking at
	// what is stored. 0 means 20 s: a full batch on a slow disk takes seconds.
	AckWait time.Duration
	// Patience is how long an append goes on trying while the server is away or
	// does not answer, before it gives up with ErrUnknownOutcome. 0 means 2 min.
	Patience time.Duration
	// StuckAfter is how long a reader waits in silence before it asks whether
	// messages are pending, and if so renews its consumer. 0 means 5 s.
	StuckAfter time.Duration
	// Logger receives renewals and retries; nil discards them.
	Logger *slog.Logger
}

// Validate reports every fault of the configuration, joined.
func (c Config) Validate() error {
	var errs []error
	if c.Replicas < 0 || c.Replicas > 5 {
		errs = append(errs, fmt.Errorf("log: replicas %d is outside 0 … 5", c.Replicas))
	}
	for _, d := range []struct {
		name string
		d    time.Duration
	}{{"ack_wait", c.AckWait}, {"patience", c.Patience}, {"stuck_after", c.StuckAfter}} {
		if d.d < 0 {
			errs = append(errs, fmt.Errorf("log: %s %s is negative", d.name, d.d))
		}
	}
	return errors.Join(errs...)
}

func (c Config) withDefaults() Config {
	if c.Replicas == 0 {
		c.Replicas = 1
	}
	if c.Source == "" {
		c.Source = "/larstrom"
	}
	if c.AckWait == 0 {
		c.AckWait = 20 * time.Second
	}
	if c.Patience == 0 {
		c.Patience = 2 * time.Minute
	}
	if c.StuckAfter == 0 {
		c.StuckAfter = 5 * time.Second
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	return c
}

// streamConfigs are the settings of the streams. Nothing expires by itself:
// what leaves the log leaves by SecureErase, with a proof elsewhere. Deleting
// is denied where nothing may ever leave; that denial cannot be taken back, so
// it is not on CELLS, from which retention may one day take small cells.
func streamConfigs(replicas int) []jetstream.StreamConfig {
	stream := func(name, subjects, description string) jetstream.StreamConfig {
		return jetstream.StreamConfig{
			Name: name, Subjects: []string{subjects}, Description: description,
			Retention: jetstream.LimitsPolicy, Storage: jetstream.FileStorage, Replicas: replicas,
			// A limit that someone sets later refuses messages instead of dropping old ones.
			Discard: jetstream.DiscardNew,
			MaxMsgs: -1, MaxBytes: -1, MaxMsgsPerSubject: -1, MaxMsgSize: -1, MaxConsumers: -1,
			DenyPurge: true, AllowAtomicPublish: true,
			// Reads that settle an outcome must come from the leader.
			AllowDirect: false,
		}
	}
	ledger := stream(LEDGER, "ledger.>", "events; kept for ever")
	ledger.DenyDelete = true
	dlq := stream(DLQ, "dlq.>", "what infrastructure could not process, until it is handled")
	dlq.DenyPurge = false
	return []jetstream.StreamConfig{
		stream(OBS, "obs.>", "Arrow blocks of observations; erasable"),
		stream(CELLS, "cells.>", "Arrow blocks of changed cells"),
		ledger, dlq,
	}
}

// openStream returns the stream, which it makes only when the server says that
// there is none: any other answer says nothing about what exists.
func openStream(ctx context.Context, js jetstream.JetStream, want jetstream.StreamConfig) (jetstream.Stream, error) {
	s, err := js.Stream(ctx, want.Name)
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		s, err = js.CreateStream(ctx, want)
		if errors.Is(err, jetstream.ErrStreamNameAlreadyInUse) { // another process was faster
			s, err = js.Stream(ctx, want.Name)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("log: stream %s: %w", want.Name, err)
	}
	info := s.CachedInfo()
	if err := sameSettings(info.Config, want); err != nil {
		return nil, err
	}
	if want.Name == LEDGER && info.State.Msgs > 0 && (info.State.FirstSeq != 1 || info.State.NumDeleted > 0) {
		return nil, fmt.Errorf("log: stream %s holds %d messages from sequence %d to %d with %d missing: %w: restore it",
			want.Name, info.State.Msgs, info.State.FirstSeq, info.State.LastSeq, info.State.NumDeleted, ErrCorrupt)
	}
	return s, nil
}

// sameSettings compares what the promises of this package rest on. Settings
// that operators may choose (placement, descriptions, compression) are theirs.
func sameSettings(got, want jetstream.StreamConfig) error {
	var errs []error
	check := func(name string, got, want any) {
		if !reflect.DeepEqual(got, want) {
			errs = append(errs, fmt.Errorf("%s is %v and must be %v", name, got, want))
		}
	}
	check("subjects", got.Subjects, want.Subjects)
	check("retention", got.Retention, want.Retention)
	check("storage", got.Storage, want.Storage)
	check("num_replicas", got.Replicas, want.Replicas)
	check("discard", got.Discard, want.Discard)
	check("max_msgs", got.MaxMsgs, want.MaxMsgs)
	check("max_bytes", got.MaxBytes, want.MaxBytes)
	check("max_age", got.MaxAge, want.MaxAge)
	check("max_msgs_per_subject", got.MaxMsgsPerSubject, want.MaxMsgsPerSubject)
	check("max_msg_size", got.MaxMsgSize, want.MaxMsgSize)
	check("no_ack", got.NoAck, want.NoAck)
	check("sealed", got.Sealed, want.Sealed)
	check("deny_delete", got.DenyDelete, want.DenyDelete)
	check("deny_purge", got.DenyPurge, want.DenyPurge)
	check("allow_rollup_hdrs", got.AllowRollup, want.AllowRollup)
	check("allow_atomic", got.AllowAtomicPublish, want.AllowAtomicPublish)
	check("allow_direct", got.AllowDirect, want.AllowDirect)
	check("allow_msg_ttl", got.AllowMsgTTL, want.AllowMsgTTL)
	// Asynchronous persistence would acknowledge what is not on disk, whatever
	// the server's own setting says.
	check("persist_mode", got.PersistMode, want.PersistMode)
	check("mirror", got.Mirror != nil, false)
	check("sources", len(got.Sources), 0)
	check("subject_transform", got.SubjectTransform != nil, false)
	if len(errs) == 0 {
		return nil
	}
	return fmt.Errorf("log: stream %s: %w: %w: change them with the nats tool, or point the program at another server",
		want.Name, ErrConfig, errors.Join(errs...))
}
