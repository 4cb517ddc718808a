package main

// cli is the command line. Its names are stable: people and checks call them.
type cli struct {
	LogLevel string `enum:"debug,info,warn,error," default:"" placeholder:"LEVEL" help:"Log lines on standard error from this level: debug, info, warn or error (default: info for services, warn for the rest)."`

	Up         upCmd         `cmd:"" help:"Run all services in one process."`
	Ingest     ingestCmd     `cmd:"" help:"Run the ingest service alone, for the scaled deployment."`
	Aggregator aggregatorCmd `cmd:"" help:"Run the aggregator service alone."`
	Validator  validatorCmd  `cmd:"" help:"Run the validator service alone."`
	Portal     portalCmd     `cmd:"" help:"Run the portal alone."`
	Notifier   notifierCmd   `cmd:"" help:"Run the notifier alone: digests, reminders, what was not done in its time."`

	Submit   submitCmd   `cmd:"" help:"Hand in exports; print their receipts."`
	Check    checkCmd    `cmd:"" help:"Dry run of an export: what would be accepted and rejected, and why. Stores nothing."`
	Status   statusCmd   `cmd:"" help:"Deliveries, lag, held cells, open flags, last publication."`
	Flags    flagsCmd    `cmd:"" help:"List, show and decide flags."`
	Checks   checksCmd   `cmd:"" help:"The catalogue of checks: severities, thresholds, what they mean, and what of it the data cannot support."`
	Why      whyCmd      `cmd:"" help:"What was visible of a point, now or on any date, and why."`
	Protocol protocolCmd `cmd:"" help:"Introduce an indicator version: draw cases, sign the protocol."`
	Diff     diffCmd     `cmd:"" help:"What a delivery changed, in closed periods first of all."`
	Retract  retractCmd  `cmd:"" help:"Withdraw a delivery: its rows count no more."`
	Sequence sequenceCmd `cmd:"" help:"Feeds that count their deliveries: what is awaited, and what need not be."`
	SQL      sqlCmd      `cmd:"" name:"sql" help:"Query a store."`
	Stat     statCmd     `cmd:"" help:"Chart a table, or compute one statistical case in JSON."`
	Replay   replayCmd   `cmd:"" help:"Rebuild the stores from the log; with --nats and the DSNs those of a scaled deployment, whose aggregator is stopped meanwhile."`
	Verify   verifyCmd   `cmd:"" help:"Check that raw files, log, stores and ledger agree; with --nats and the DSNs those of a scaled deployment."`
	Keys     keysCmd     `cmd:"" help:"Make the key file of a region: the keys of its pseudonyms and of its raw files."`
	Token    tokenCmd    `cmd:"" help:"Make a token of a person, or of a feed for uploads, and what the catalog keeps of it."`
	Simulate simulateCmd `cmd:"" help:"Write a synthetic region: its catalog, nightly exports with faults, and the truth about them."`

	Version versionCmd `cmd:"" help:"Print the version."`
	Healthz healthzCmd `cmd:"" hidden:"" help:"Ask a listening process whether it is healthy; for the health check of its container."`
	Engine  engineCmd  `cmd:"" hidden:"" help:"Run an engine child; started by larstrom itself."`
}

// dataFlag is the folder of one deployment.
type dataFlag struct {
	Data string `required:"" placeholder:"DIR" help:"The data folder."`
}

// crashFlags are for the crash campaign alone.
type crashFlags struct {
	CrashAt      string `hidden:"" env:"LARSTROM_CRASH_AT" placeholder:"POINT[:N]" help:"Die at the N-th passing of this point."`
	CrashReached string `hidden:"" env:"LARSTROM_CRASH_REACHED" placeholder:"FILE" help:"Make this file before dying."`
}

// jsonFlag asks for output that programs read.
type jsonFlag struct {
	JSON bool `name:"json" help:"Print JSON; its member version tells its form."`
}
