# Meridian's commands. `make demo` and `make test` do all set-up that a fresh Debian with Swift needs.

SWIFT ?= swift
STORE ?= demo-data
PACKAGES := librocksdb-dev libedit-dev libpcre2-dev
# One binary that needs no Swift on its machine, and whose calls of the runtime go through no table; no exclusivity checks, which
# debug builds keep, in dependencies either. See Docs/Decisions/0004-release-flags.md.
RELEASE := -c release --static-swift-stdlib -Xswiftc -enforce-exclusivity=unchecked

.PHONY: help setup build demo test test-room sqltests sqltests-record check format protobuf bench fuzz clean

help: ## What there is to say
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 14

setup: ## Install the system libraries (as root, or through sudo)
	@missing=""; for p in $(PACKAGES); do dpkg -s $$p >/dev/null 2>&1 || missing="$$missing $$p"; done; \
	if [ -n "$$missing" ]; then \
	  echo "installing:$$missing"; \
	  if [ "$$(id -u)" = 0 ]; then run=""; else run="sudo"; fi; \
	  $$run apt-get update -qq && DEBIAN_FRONTEND=noninteractive $$run apt-get install -y -qq $$missing; \
	fi

build: setup ## Build the release binary
	$(SWIFT) build $(RELEASE) --product meridian

demo: build ## Start a node on ./demo-data, and a SQL prompt on it
	@Scripts/demo $$($(SWIFT) build -c release --show-bin-path)/meridian $(STORE)

# All tests at once starve each other on few cores: what waits for a lease or a heartbeat then waits for seconds. A test's time limit counts
# from when it stands in line, so it must be longer than the whole suite.
test: setup ## Run the fast suite
	SWT_EXPERIMENTAL_MAXIMUM_PARALLELIZATION_WIDTH=16 $(SWIFT) test

test-room: setup ## Run the tests of one room: make test-room ROOM=Storage
	MERIDIAN_ROOMS="$(ROOM)" $(SWIFT) test

sqltests: build ## Run the SQL logic tests of SQLTests/
	$$($(SWIFT) build -c release --show-bin-path)/meridian logictest SQLTests

sqltests-record: ## Rewrite the expectations of SQLTests/ from PostgreSQL's answers
	Scripts/record-sqltests

check: ## Formatting, layers, banned APIs, links
	$(SWIFT) format lint --strict --recursive --parallel Sources Tests Package.swift
	MERIDIAN_ROOMS="Clocks" $(SWIFT) test --filter TidyTests

format: ## Format all sources in place
	$(SWIFT) format --in-place --recursive --parallel Sources Tests Package.swift

protobuf: ## Generate the code of Protobuf/ anew (needs protobuf-compiler)
	Scripts/protobuf

bench: build ## Compare with PostgreSQL 15 on this machine, alone and replicated
	Benchmarks/run
	Benchmarks/run --replicated

clean:
	rm -rf .build $(STORE) bench-data
