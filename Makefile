# The index of commands. `make` alone lists them.
.DEFAULT_GOAL := help
.PHONY: help demo test bench torture up down status reset check fmt deny prerequisites build

PREREQUISITES := deploy/local/prerequisites.sh

help: ## Lists the commands
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

demo: build ## One merchant's history through the whole system, checked against the source
	@target/release/qafila-demo

test: prerequisites check ## All tests, against the real servers of the local stack
	cargo build --locked --workspace --all-targets
	target/debug/qafila-stack up
	@rm -f target/answers.json
	cargo test --workspace --all-targets --no-fail-fast
	@awk -F'[:,}]' '{ checked += $$2; outside += $$4 } END { printf "answers held against the OpenAPI document: %d, outside it: %d\n", checked, outside }' target/answers.json

bench: build ## Speed beside a bare limit; NAMES="a b" picks scenarios; appends to target/bench.json
	@target/release/qafila-stack up
	@target/release/qafila-bench $(NAMES)

torture: build ## Seeded faults; NAMES="a b" picks scenarios, RUNS=n and SEED=n a part of them; appends to target/torture.json
	@target/release/qafila-stack up
	@target/release/qafila-torture $(NAMES)

up: build ## Starts the local stack, or repairs it
	@target/release/qafila-stack up

down: ## Stops the local stack
	@if [ -x target/release/qafila-stack ]; then target/release/qafila-stack down; elif [ -x target/debug/qafila-stack ]; then target/debug/qafila-stack down; fi

status: ## What runs, and where it logs
	@if [ -x target/release/qafila-stack ]; then target/release/qafila-stack status; elif [ -x target/debug/qafila-stack ]; then target/debug/qafila-stack status; else echo "nothing was built yet: make up"; fi

reset: ## Stops the local stack and deletes its data
	@if [ -x target/release/qafila-stack ]; then target/release/qafila-stack reset; elif [ -x target/debug/qafila-stack ]; then target/debug/qafila-stack reset; fi

fmt: ## Formats the code
	cargo fmt --all

check: ## Format and lints
	cargo fmt --all --check
	cargo clippy --workspace --all-targets -- -D warnings

deny: prerequisites ## Licences, sources and advisories of dependencies; builds cargo-deny once
	@deploy/local/deny.sh

build: prerequisites
	@cargo build --locked --release --workspace

prerequisites:
	@$(PREREQUISITES)
