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
GOLANGCI := github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0

# Packages tested at a time: each test with stores runs two engines.
P ?= 2
# For fuzz, bench, crash, up and demo; give them as in `make fuzz FUZZTIME=1m`.
FUZZTIME ?= 10s
BENCH ?= .
RUNS ?= 200
DATA ?= var/data
DROP ?= var/drop
CATALOG ?= schemas/catalog/examples/norrsund
AE ?= schemas/catalog/examples/nhs-ae/sample/synthetic_ae_attendances.csv

.PHONY: help
help: ## This list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: engine
engine: ## Fetch the embedded ClickHouse into the cache (pinned by hash; once)
	@library=$$(go run ./pipeline/embedded/engine/fetch) && echo "engine: $$library"

.PHONY: build
build: ## One binary: bin/larstrom
	go build -trimpath -o $(BIN) ./services/larstrom

.PHONY: test
test: engine ## What CI runs: vet, format, every test with the real log and engine
	@go version
	@if [ -d "$(LARSTROM_SHARED)" ]; then echo "reference cases and data: $(LARSTROM_SHARED)"; \
		else echo "reference cases and data: ABSENT ($(LARSTROM_SHARED)); the tests that need them say so"; fi
	@unformatted=$$(gofmt -l .); if [ -n "$$unformatted" ]; then echo "not formatted; run gofmt -w on:"; echo "$$unformatted"; exit 1; fi
	go vet ./...
	go test -p $(P) -timeout 14m ./...
	@echo "passed: $$(go list -f '{{if or .TestGoFiles .XTestGoFiles}}{{.ImportPath}}{{end}}' ./... | grep -c .) packages with tests"

.PHONY: lint
lint: ## golangci-lint, at the version that is pinned here (slow the first time)
	go run $(GOLANGCI) run ./...

.PHONY: bench
bench: engine ## Benchmarks (BENCH=regular expression)
	go test -p 1 -run '^$$' -bench '$(BENCH)' -benchmem -timeout 0 ./...

.PHONY: fuzz
fuzz: ## Every fuzz target for a while (FUZZTIME=10s)
	@grep -rn --include='*_test.go' -oE '^func Fuzz[A-Za-z0-9_]+' . | sort | while IFS=: read -r file _ name; do \
		echo "== $$(dirname "$$file") $${name#func }"; \
		go test -run '^$$' -fuzz "^$${name#func }\$$" -fuzztime $(FUZZTIME) "$$(dirname "$$file")" </dev/null; \
	done

.PHONY: crash
crash: engine ## The long crash campaign (RUNS=200)
	LARSTROM_CRASH_RUNS=$(RUNS) go test -count 1 -timeout 0 -run Crash -v ./services/larstrom/...

.PHONY: demo
demo: engine build ## From a file to charts (AE=FILE for the real A&E file; by default a synthetic one)
	@rm -rf var/demo && mkdir -p var/demo/drop && cp "$(AE)" var/demo/drop/
	$(BIN) up --once --data var/demo/data --catalog schemas/catalog/examples/nhs-ae --drop var/demo/drop
	@echo; echo "One unit's control chart, newest months first:"
	@$(BIN) sql --data var/demo/data --format PrettyCompact "SELECT unit, period_start, state, round(value, 2) AS value, round(centre, 2) AS centre, round(lcl, 2) AS lcl, round(ucl, 2) AS ucl, sigma_signal, runs_signal FROM chart WHERE indicator = 'ae_over_4h' AND unit = 'RQM' AND stratum = '1' ORDER BY period_start DESC LIMIT 12"

.PHONY: up
up: engine build ## Run it (DATA=var/data DROP=var/drop CATALOG=the example region)
	@mkdir -p $(DROP)
	$(BIN) up --data $(DATA) --catalog $(CATALOG) --drop $(DROP)
