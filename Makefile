# Lärström. `make help` says what there is. A machine needs Go, Node (npm) and
# make; everything else is fetched, pinned and checked.

SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-print-directory

# One static binary: the engine library is opened at run time, without cgo.
export CGO_ENABLED ?= 0
# Specifications, reference cases and real data; tests that need what is absent say so.
LARSTROM_SHARED ?= ../shared
override LARSTROM_SHARED := $(abspath $(LARSTROM_SHARED))
export LARSTROM_SHARED

BIN := bin/larstrom
WEB := services/portal/web
GREMLINS := github.com/go-gremlins/gremlins/cmd/gremlins@v0.6.0
GOLANGCI := github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0

# Packages tested at a time: each test with stores runs two engines.
P ?= 2
# For fuzz, bench, crash, mutation, up and demo; give them as in `make fuzz FUZZTIME=1m`.
FUZZTIME ?= 10s
BENCH ?= .
RUNS ?= 200
MUTATE ?= ./pipeline/gate
DATA ?= var/data
DROP ?= var/drop
CATALOG ?= schemas/catalog/examples/norrsund
SEED ?= 1
LISTEN ?= 127.0.0.1:8080
SCREENSHOTS ?= var/screenshots
DEMO := var/demo

.PHONY: help
help: ## This list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-11s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: engine
engine: ## Fetch the embedded ClickHouse into the cache (pinned by hash; once)
	@library=$$(go run ./pipeline/embedded/engine/fetch) && echo "engine: $$library"

.PHONY: build
build: ## One binary: bin/larstrom
	go build -trimpath -o $(BIN) ./services/larstrom

# npm leaves a list of what it has installed; that is the mark.
PACKAGES := $(WEB)/node_modules/.package-lock.json
$(PACKAGES): $(WEB)/package.json $(WEB)/package-lock.json $(WEB)/.npmrc
	cd $(WEB) && npm ci --loglevel error
	@touch $@

.PHONY: web
web: $(PACKAGES) ## Install what the portal's scripts and browser tests need (pinned; once), check their types
	cd $(WEB) && node node_modules/typescript/bin/tsc

.PHONY: bundle
bundle: web ## Bundle the portal's scripts: services/portal/web/dist, which is committed
	go run ./$(WEB)/bundle $(WEB)

.PHONY: screenshots
screenshots: engine web ## Pictures of every kind of page, wide and narrow (SCREENSHOTS=var/screenshots)
	LARSTROM_SCREENSHOTS=$(abspath $(SCREENSHOTS)) go test -count 1 -run '^TestBrowser$$' ./services/larstrom
	@ls $(SCREENSHOTS)

.PHONY: test
test: engine web ## What CI runs: vet, format, types, every test with the real log, engine and browser
	@go version
	@if [ -d "$(LARSTROM_SHARED)" ]; then echo "reference cases and data: $(LARSTROM_SHARED)"; \
		else echo "reference cases and data: ABSENT ($(LARSTROM_SHARED)); the tests that need them say so"; fi
	@unformatted=$$(gofmt -l .); if [ -n "$$unformatted" ]; then echo "not formatted; run gofmt -w on:"; echo "$$unformatted"; exit 1; fi
	go vet ./...
	go test -p $(P) -timeout 25m ./...
	@echo "passed: $$(go list -f '{{if or .TestGoFiles .XTestGoFiles}}{{.ImportPath}}{{end}}' ./... | grep -c .) packages with tests"

.PHONY: lint
lint: ## golangci-lint, at the version that is pinned here (slow the first time)
	go run $(GOLANGCI) run ./...

.PHONY: bench
bench: engine ## Benchmarks (BENCH=regular expression)
	go test -p 1 -run '^$$' -bench '$(BENCH)' -benchmem -timeout 0 ./...

.PHONY: fuzz
fuzz: ## Every fuzz target for a while (FUZZTIME=10s)
	@failed=0; for at in $$(grep -rn --include='*_test.go' -oE '^func Fuzz[A-Za-z0-9_]+' . | sort | tr ' ' ':'); do \
		file=$${at%%:*}; name=$${at##*:}; \
		echo "== $$(dirname "$$file") $$name"; \
		go test -run '^$$' -fuzz "^$$name\$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 3x "$$(dirname "$$file")" </dev/null || failed=1; \
	done; exit $$failed

.PHONY: mutation
mutation: ## Change what is committed in every place, one at a time, and see its tests fail (MUTATE=./pipeline/gate)
	@clone=$$(mktemp -d); trap 'rm -rf "$$clone"' EXIT; git clone -q . "$$clone"; cd "$$clone"; \
	go run $(GREMLINS) unleash --workers 1 --timeout-coefficient 20 --threshold-efficacy 90 $(MUTATE)

.PHONY: crash
crash: engine ## The long crash campaign (RUNS=200)
	LARSTROM_CRASH_RUNS=$(RUNS) go test -count 1 -timeout 0 -run Crash -v ./services/larstrom/...

.PHONY: dashboards
dashboards: ## Grafana's JSON anew, from its definitions in dashboards/
	go generate ./dashboards

.PHONY: demo
demo: engine build demo-stop ## A simulated region, from its exports to pages that stay up (SEED=1 LISTEN=127.0.0.1:8080)
	@rm -rf $(DEMO)
	$(BIN) simulate --out $(DEMO)/region --seed $(SEED)
	$(BIN) up --once --data $(DEMO)/data --catalog $(DEMO)/region/catalog --drop $(DEMO)/region/drop
	@for listen in $(LISTEN) 127.0.0.1:0; do \
		nohup $(BIN) up --data $(DEMO)/data --drop $(DEMO)/region/drop --listen $$listen </dev/null >$(DEMO)/log 2>&1 & \
		echo $$! >$(DEMO)/pid; \
		while kill -0 $$! 2>/dev/null && [ ! -e $(DEMO)/data/run.json ]; do sleep 0.1; done; \
		if [ -e $(DEMO)/data/run.json ]; then break; fi; \
		tail -n 1 $(DEMO)/log; \
	done; \
	[ -e $(DEMO)/data/run.json ] || { echo "the pages could not be started; $(DEMO)/log says why"; exit 1; }
	@echo; echo "The pages are up until \`make demo-stop\`; everything of the demonstration is in $(DEMO)."
	@$(BIN) status --data $(DEMO)/data | sed -n 's/^Pages */Open /p'

.PHONY: demo-stop
demo-stop: ## Stop the pages of make demo
	@pid=$$(cat $(DEMO)/pid 2>/dev/null || true); \
	if [ -n "$$pid" ] && tr '\0' ' ' <"/proc/$$pid/cmdline" 2>/dev/null | grep -q 'larstrom up .*$(DEMO)/data'; then \
		kill "$$pid" && while kill -0 "$$pid" 2>/dev/null; do sleep 0.1; done; \
	fi; rm -f $(DEMO)/pid

.PHONY: up
up: engine build ## Run it (DATA=var/data DROP=var/drop CATALOG=the example region)
	@mkdir -p $(DROP)
	$(BIN) up --data $(DATA) --catalog $(CATALOG) --drop $(DROP)

.PHONY: secrets
secrets: ## Passwords for docker-compose.yml: .env, which is never committed (deploy/README.md)
	deploy/secrets.sh
