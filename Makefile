# Holdfast. `make` alone says what there is to do.

GO            ?= go
PKG           ?= ./...
TESTFLAGS     ?= -race -timeout 15m
SOAK_CALLS    ?= 500
SOAK_SEED     ?= 1
BENCHTIME     ?= 1s
ARGS          ?=
VERSION       ?= $(shell git describe --tags --always --dirty 2>/dev/null)

# Tools are pinned here and installed into bin/, when they are missing or of another version.
TEMPORAL      := v1.5.1
GOLANGCI      := v2.15.0
WORKFLOWCHECK := v0.6.0

BIN           := $(CURDIR)/bin
LDFLAGS       := -X main.buildVersion=$(VERSION)

# SQLite is C.
export CGO_ENABLED = 1

.DEFAULT_GOAL := help

.PHONY: help
help: ## say what there is to do
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-11s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
	@echo
	@echo '  PKG=./call/... TESTFLAGS="-run Hold" BENCHTIME=1000x ARGS="--help" narrow it down.'

.PHONY: run
run: tool-temporal build ## build what is needed and run the demo: a contact centre takes calls
	$(BIN)/holdfast demo $(ARGS)

.PHONY: build
build: ## build bin/holdfast
	$(GO) build -ldflags '$(LDFLAGS)' -o $(BIN)/holdfast ./cmd/holdfast

# A missing engine or Node fails tests here, where `go test` alone would skip them.
.PHONY: test
test: tool-temporal node-library postgres generated ## run every test, on the real engine too
	HOLDFAST_REQUIRE_ENGINE=1 HOLDFAST_REQUIRE_NODE=1 $(GO) test $(TESTFLAGS) $$($(GO) list $(PKG) | grep -v /cmd/holdfast$$ || echo ./schema)
	HOLDFAST_REQUIRE_ENGINE=1 HOLDFAST_REQUIRE_NODE=1 $(GO) test $(TESTFLAGS) $$($(GO) list $(PKG) | grep /cmd/holdfast$$ || echo ./schema)

.PHONY: soak
soak: tool-temporal build ## run calls for long while everything goes wrong; SOAK_CALLS, SOAK_SEED
	$(BIN)/holdfast simulate --calls $(SOAK_CALLS) --seed $(SOAK_SEED) --agents 20 --second 250ms --faults all

# The folder is found from the test's own. Old revisions' histories stay: they are other files.
.PHONY: record
record: tool-temporal ## record the histories of real calls that later builds must replay
	HOLDFAST_REQUIRE_ENGINE=1 $(GO) test ./cmd/holdfast -count 1 -run TestHistoriesOfRealCallsReplay -v -args -record $(CURDIR)/workflows/testdata/histories
	HOLDFAST_REQUIRE_ENGINE=1 $(GO) test ./workflows -count 1 -run TestTheFloorOnTheRealEngine -v -args -record-floor $(CURDIR)/workflows/testdata/floor-histories
	HOLDFAST_REQUIRE_ENGINE=1 $(GO) test ./workflows -count 1 -run "TestABotsLife|TestALineThatDoesNotWork" -v -args -record-bots $(CURDIR)/workflows/testdata/bot-histories

.PHONY: lint
lint: tools generated ## run the linters
	$(GO) mod tidy -diff
	$(BIN)/golangci-lint config verify
	$(BIN)/golangci-lint run $(PKG)
	$(BIN)/workflowcheck ./workflows/...

.PHONY: fmt
fmt: tool-golangci ## lay out the code as the linters want it
	$(BIN)/golangci-lint fmt

.PHONY: generate
generate: ## write generated code anew
	$(GO) generate ./...

.PHONY: bench
bench: tool-temporal ## measure everything together and write docs/benchmarks.md (ten minutes, on a quiet machine)
	HOLDFAST_FIGURES=$(CURDIR)/docs/benchmarks.md $(GO) test -count=1 -timeout 40m -run TestFigures ./cmd/holdfast

.PHONY: microbench
microbench: tool-temporal ## run the benchmarks of single parts
	HOLDFAST_REQUIRE_ENGINE=1 $(GO) test -run '^$$' -bench . -benchmem -benchtime $(BENCHTIME) $(PKG)

.PHONY: cover
cover: tool-temporal ## run every test and say what they reach; cover.html shows it
	HOLDFAST_REQUIRE_ENGINE=1 $(GO) test -timeout 15m -covermode atomic -coverpkg ./... -coverprofile cover.out $(PKG)
	$(GO) tool cover -html cover.out -o cover.html
	$(GO) tool cover -func cover.out | tail -1

.PHONY: clean
clean: ## remove what was built; tools and data stay
	rm -f $(BIN)/holdfast cover.out cover.html

.PHONY: tools
tools: tool-temporal tool-golangci tool-workflowcheck ## install the tools into bin/

.PHONY: tool-temporal tool-golangci tool-workflowcheck
tool-temporal:
	@$(call install,temporal,github.com/temporalio/cli/cmd/temporal,$(TEMPORAL))
tool-golangci:
	@$(call install,golangci-lint,github.com/golangci/golangci-lint/v2/cmd/golangci-lint,$(GOLANGCI))
tool-workflowcheck:
	@$(call install,workflowcheck,go.temporal.io/sdk/contrib/tools/workflowcheck,$(WORKFLOWCHECK))

# Twilio's library for Node, which tries the simulator. npm notes in node_modules what it installed.
NODE_TRIAL := simulator/testdata/node
.PHONY: node-library
node-library: $(NODE_TRIAL)/node_modules/.package-lock.json
$(NODE_TRIAL)/node_modules/.package-lock.json: $(NODE_TRIAL)/package-lock.json $(NODE_TRIAL)/.npmrc
	cd $(NODE_TRIAL) && npm ci --no-audit --no-fund
	@touch $@

# Tests start a PostgreSQL of their own. Where its programs are missing, root gets them from Debian; others are told, and skip those tests.
.PHONY: postgres
postgres:
	@if ! ls /usr/lib/postgresql/*/bin/postgres >/dev/null 2>&1 && ! command -v postgres >/dev/null; then \
		if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
			apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends postgresql; \
		else \
			echo 'PostgreSQL is missing (Debian: apt-get install postgresql): its tests will be skipped'; \
		fi; \
	fi

# install NAME PACKAGE VERSION. What is there is asked for its module's version, so an upgrade here is an upgrade
# in every clone. All of them are plain Go, and faster to build without C.
define install
have=$$($(GO) version -m $(BIN)/$(1) 2>/dev/null | awk '$$1 == "mod" { print $$3; exit }'); \
if [ "$$have" != "$(3)" ]; then \
	echo "installing $(1) $(3) (once; a few minutes)"; \
	GOBIN=$(BIN) CGO_ENABLED=0 $(GO) install $(2)@$(3); \
fi
endef

# Fails if generating changes anything. The tree may have uncommitted work, so files are compared, not commits.
.PHONY: generated
generated:
	@sums() { find . -name '*.gen.go' -not -path '*/node_modules/*' -exec cksum {} + | sort; }; \
	before=$$(sums); $(GO) generate ./... && after=$$(sums); \
	[ "$$before" = "$$after" ] || { echo 'generated code was not current: it is now; look at it and commit it' >&2; exit 1; }
