# The index of commands. `make` alone lists them.
.DEFAULT_GOAL := help
.PHONY: help demo test bench torture up down status reset check fmt deny spa spa-dev spa-check spa-test journeys screenshots prerequisites build local build-release build-local

PREREQUISITES := deploy/local/prerequisites.sh
SPA_SOURCES := $(shell find spa/src spa/build spa/public -type f -not -path '*/generated/*') $(wildcard spa/*.json spa/*.ts spa/*.mjs spa/*.html)
# The programs of `make demo`, `make up` and the journeys; benches and torture are built by those who run them.
PROGRAMS := --bin qafila --bin qafila-stack --bin qafila-demo --bin salla-sim --bin clickhouse-front
# The command of the local stack, of the newest build.
STACK = $(shell ls -t target/*/qafila-stack 2>/dev/null | head -1)
with_stack = $(if $(STACK),$(STACK) $(1),echo "nothing was built yet: make up")
# Node of the lock file: Debian's is too old. Where there is none for this machine, the system's.
NODE = $$(if [ -x node_modules/.bin/node ]; then echo node_modules/.bin/node; else command -v node; fi)

# Cargo counts its jobs by the machine's cores, and not by the few of a make that runs things side by side.
ALONE := env -u MAKEFLAGS -u MFLAGS

help: ## Lists the commands
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

demo: local ## One merchant's history through the whole system, checked against the source
	@target/local/qafila-demo

test: prerequisites check spa-test ## All tests, against the real servers of the local stack
	cargo build --locked --workspace --all-targets
	target/debug/qafila-stack up
	@rm -f target/answers.json
	cargo test --workspace --all-targets --no-fail-fast
	@awk -F'[:,}]' '{ checked += $$2; outside += $$4 } END { printf "answers held against the OpenAPI document: %d, outside it: %d\n", checked, outside }' target/answers.json
	@$(PREREQUISITES) chromium
	target/debug/qafila-demo --orders 100
	cd spa && $(NODE) --run journey -- --project=chromium-ar journey.spec.ts connects.spec.ts

spa: spa/dist/index.html ## Builds the web app into spa/dist

spa-dev: prerequisites spa/node_modules/.package-lock.json ## The web app as it is edited, against a gateway (QAFILA_URL, else the local stack's)
	@cd spa && $(NODE) --run dev

journeys: ONLY ?= --project='chromium-*' --project='firefox-*'
journeys: local ## The web app in Chromium and Firefox, with a picture of every page under target/journeys; ONLY="--project=chromium-ar connects" a part
	@$(PREREQUISITES) browsers
	@target/local/qafila-demo --orders 100
	@cd spa && $(NODE) --run journey -- $(ONLY)

screenshots: local ## The README's pictures, of the running system
	@$(PREREQUISITES) chromium
	@target/local/qafila-demo --orders 100
	@cd spa && $(NODE) --run journey -- --project='pictures-*'

bench: build ## Speed beside a bare limit; NAMES="a b" picks scenarios; appends to target/bench.json
	@target/release/qafila-stack up
	@target/release/qafila-bench $(NAMES)

torture: build ## Seeded faults; NAMES="a b" picks scenarios, RUNS=n and SEED=n a part of them; appends to target/torture.json
	@target/release/qafila-stack up
	@target/release/qafila-torture $(NAMES)

up: local ## Starts the local stack, or repairs it
	@target/local/qafila-stack up

down: ## Stops the local stack
	@$(call with_stack,down)

status: ## What runs, and where it logs
	@$(call with_stack,status)

reset: ## Stops the local stack and deletes its data
	@$(call with_stack,reset)

fmt: ## Formats the code
	cargo fmt --all

check: spa-check ## Format and lints
	cargo fmt --all --check
	cargo clippy --workspace --all-targets -- -D warnings

deny: prerequisites ## Licences, sources and advisories of dependencies; builds cargo-deny once
	@deploy/local/deny.sh

# Rust and the web app side by side: most of the time one of them waits.
build: prerequisites ## Everything as it is released
	@$(MAKE) --no-print-directory -j2 build-release spa

local: prerequisites
	@$(MAKE) --no-print-directory -j2 build-local spa

build-release: prerequisites
	@$(ALONE) cargo build --locked --release --workspace

build-local: prerequisites
	@$(ALONE) cargo build --locked --profile local --workspace $(PROGRAMS)

spa/node_modules/.package-lock.json: spa/package-lock.json spa/package.json | prerequisites
	@cd spa && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error

spa/dist/index.html: spa/node_modules/.package-lock.json $(SPA_SOURCES)
	@mkdir -p target
	@cd spa && $(NODE) --run build > ../target/spa.log 2>&1 || { cat ../target/spa.log; exit 1; }

spa-test: prerequisites spa/dist/index.html
	cd spa && $(NODE) --run test

spa-check: prerequisites spa/dist/index.html
	@cd spa && $(NODE) --run check && $(NODE) --run budgets

prerequisites:
	@$(PREREQUISITES)
