# All tasks of this repository. `make help` lists them. After `make deps` all targets work offline.
SHELL := /bin/bash
.DEFAULT_GOAL := help

GO      ?= go
BIN     := bin/darkmap
VERSION := $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)
LDFLAGS := -s -w -X main.version=$(VERSION)
# Builds with the embedded ClickHouse have this tag. Its library exists for some platforms only.
TAGS    := embedded
LINT    := $(GO) tool -modfile=tools/golangci-lint/go.mod golangci-lint
BUF     := $(GO) tool -modfile=$(CURDIR)/tools/buf/go.mod buf
# Installed packages for tests of the AsyncAPI document, of the pages in a browser, and of the
# example in Python.
ASYNCAPI := tools/asyncapi/node_modules/.package-lock.json
BROWSER := serve/page/browser/node_modules/.package-lock.json
VENV     := examples/consumers/python/.venv/installed
FUZZTIME ?= 10s
# All steps but those of the race detector compile with the settings of the binary, so that steps
# share compiled packages.
export CGO_ENABLED := 0
export GOFLAGS := $(filter-out -trimpath,$(shell $(GO) env GOFLAGS)) -trimpath
# The race detector needs cgo and a C compiler. Without a compiler the tests run without the
# detector.
RACE    := $(shell command -v gcc >/dev/null 2>&1 && echo -race)
# The many whole runs of the pipeline are too slow under the race detector, so only a few of them
# run under it. Tests that play feeds at 30 times speed against limits that are 30 times as short
# are too slow for it, too. They run by themselves, four at a time, because they wait for half of
# their time. TestBombs unpacks tens of gigabytes. That takes 5 s, or 170 s under the race detector,
# so it runs without. Vet is a part of lint.
TEST    := $(GO) test -vet=off -shuffle=on -tags $(TAGS) -timeout 40m
TESTRACE := $(if $(RACE),CGO_ENABLED=1 )$(TEST) $(RACE)
# These packages and their tests start no goroutine and hold no lock. The race detector would make
# them 5 to 10 times slower and find nothing. TestRaceless refuses other packages.
RACELESS := . deploy/grafana deploy/image deploy/prometheus deploy/release deploy/strimzi deploy/systemd detect/clock detect/core detect/outage detect/panel detect/rib detect/snapshot detect/visibility detect/watchlist enrich/geo/source \
  eval/simulate eval/simulate/year ingest/tablechunk ingest/updatefile internal/atomfeed internal/atomicfile internal/bgp internal/bgp/wire internal/codec internal/config \
  internal/mrt internal/nearest internal/plaintext internal/query internal/terminal internal/timespan notify/incident notify/target notify/target/text \
  schemas serve/worldmap/geometry serve/worldmap/make

.PHONY: help
help: ## List the targets
	@awk -F ':.*## ' '/^[a-z][a-z0-9-]*:.*## / {printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: demo
demo: build deps ## Fetch, build and run the December 2014 reconstruction
	$(BIN) demo

.PHONY: up
up: build deps ## Fetch, build and watch the live feeds
	$(BIN) up

.PHONY: test
test: build ## Run all tests; those that miss a program are skipped by name
	@$(if $(RACE),,echo "without -race: it needs a C compiler (apt-get install gcc)";)\
	$(BIN) fetch || echo "the embedded ClickHouse could not be fetched: its tests are skipped"
	$(TEST) $(RACELESS:%=./%)
	$(TEST) -run '^TestBombs$$' ./internal/capture
	$(TESTRACE) -skip '^TestBombs$$' $$($(GO) list ./... | grep -vxF "$$($(GO) list $(RACELESS:%=./%) ./cmd/darkmap)")
	$(if $(RACE),$(TESTRACE) -run 'TestReplayStores|TestLifeOfAMessage' ./cmd/darkmap)
	$(TEST) -parallel 4 ./cmd/darkmap

.PHONY: deps
deps: ## Fetch everything that later runs need: modules, tools, the engine, the default data
	@$(MAKE) --no-print-directory -j3 deps-data deps-modules deps-clients

.PHONY: deps-data
deps-data: build
	$(BIN) fetch
	@$(GO) run ./serve/worldmap/make -fetch || echo "Natural Earth (npm's world-atlas) is not fetched: whether the world map is up to date is not tested"

.PHONY: deps-modules
deps-modules:
	$(GO) mod download
	@for t in buf protobuf golangci-lint alertmanager web k8s pin sbom; do (cd tools/$$t && $(GO) mod download) || exit 1; done
	@sed '/^#/d; s/ .*//' tools/k8s/crds.txt | xargs $(GO) mod download

.PHONY: deps-clients
deps-clients:
	@$(MAKE) --no-print-directory $(ASYNCAPI) || echo "the parser of AsyncAPI is not installed: its tests are skipped"
	@$(MAKE) --no-print-directory $(BROWSER) || echo "playwright-core and axe-core are not installed: tests of the pages in a browser are skipped"
	@$(MAKE) --no-print-directory $(VENV) || echo "the clients for Python (Kafka, ClickHouse) are not installed: their tests are skipped"

$(ASYNCAPI): tools/asyncapi/package-lock.json
	cd tools/asyncapi && npm ci --loglevel=error
	@touch $@

$(BROWSER): serve/page/browser/package-lock.json
	cd serve/page/browser && npm ci --loglevel=error
	@touch $@

$(VENV): examples/consumers/python/requirements.txt
	python3 -m venv --clear $(@D)
	$(@D)/bin/pip install --quiet --requirement $<
	@touch $@

.PHONY: build
build: ## Build bin/darkmap
	$(GO) build -tags $(TAGS) -ldflags '$(LDFLAGS)' -o $(BIN) ./cmd/darkmap

.PHONY: cross
cross: ## Build for linux/arm64 and darwin/arm64
	GOOS=linux GOARCH=arm64 $(GO) build -tags $(TAGS) -o /dev/null ./cmd/darkmap
	GOOS=darwin GOARCH=arm64 $(GO) build -tags $(TAGS) -o /dev/null ./cmd/darkmap
	$(GO) build -o /dev/null ./cmd/darkmap

# The programs of the image have no embedded engine, so they are static. The date of the image is that
# of the commit. IMAGEDIR.oci.tar is the image as an archive, IMAGEDIR.oci.tar.digest its digest.
REPOSITORY ?= darkmap
IMAGE    := $(REPOSITORY):$(shell deploy/release/version '$(VERSION)')
IMAGEDIR := bin/image
.PHONY: image
image release: export SOURCE_DATE_EPOCH ?= $(shell git log -1 --format=%ct 2>/dev/null || echo 0)
image: ## Build the image of the stages for amd64 and arm64 into buildah's store, and as bin/image.oci.tar
	@rm -rf $(IMAGEDIR) && install -d -m 755 $(IMAGEDIR)/var/lib/darkmap $(IMAGEDIR)/var/cache/darkmap
	@for arch in amd64 arm64; do \
	  GOOS=linux GOARCH=$$arch $(GO) build -buildvcs=false -ldflags '$(LDFLAGS)' -o $(IMAGEDIR)/$$arch/darkmap ./cmd/darkmap && \
	  chmod 755 $(IMAGEDIR)/$$arch/darkmap || exit 1; done
	@install -m 644 deploy/image/Dockerfile deploy/image/passwd deploy/image/group $(IMAGEDIR)/
	@if command -v buildah >/dev/null; then deploy/image/build $(IMAGEDIR) '$(IMAGE)' $(IMAGEDIR).oci.tar; \
	elif docker info >/dev/null 2>&1; then docker build --build-arg TARGETARCH=$$($(GO) env GOARCH) -t '$(IMAGE)' $(IMAGEDIR); \
	else echo "there is neither buildah nor docker: $(IMAGEDIR) has what either needs"; fi

# Images of others that are deployed, and the files that name them.
PINNED := deploy/k8s/overlays/single/kafka.yaml deploy/k8s/overlays/single/clickhouse.yaml deploy/clickhouse/altinity.yaml deploy/compose/compose.yaml
.PHONY: pin
pin: ## Ask the registries for the digests of the images of others, and write them into deploy
	@$(GO) -C tools/pin build -o $(CURDIR)/bin/pin . && bin/pin $(PINNED)

# docs/release.md describes the files. REPOSITORY is the name under which the image is going to be
# pushed. TRIAL=1 makes the files although something is missing.
.PHONY: release
release: export VERSION := $(VERSION)
release: export REPOSITORY := $(REPOSITORY)
release: ## Make all files of a release in dist: REPOSITORY, TRIAL=1
	@for p in buildah dpkg-deb; do command -v $$p >/dev/null || { echo "there is no $$p: apt-get install buildah dpkg"; exit 1; }; done
	@deploy/release/check '$(VERSION)'
	$(MAKE) image
	GOOS=linux GOARCH=amd64 $(GO) build -buildvcs=false -tags $(TAGS) -ldflags '$(LDFLAGS)' -o bin/release/darkmap ./cmd/darkmap
	@deploy/release/release

.PHONY: release-test
release-test: ## Install the files in dist into an empty Debian, and start them there (root, network)
	TEST_INTEGRATION=1 $(GO) test -vet=off -v -count=1 -timeout 20m -run '^TestInstall' ./deploy/release -release-dist $(CURDIR)/dist

.PHONY: fmt
fmt: ## Format
	$(LINT) fmt

.PHONY: lint
lint: ## Lint code and schemas
	$(LINT) run --build-tags $(TAGS) --timeout 20m --max-issues-per-linter 0 --max-same-issues 0
	cd schemas/proto && $(BUF) lint

# Fuzzing searches at random, so it is not part of ci, which must give the same answer for the same
# commit: there the seeds and earlier findings run as tests. docs/release.md asks for a long search.
# Two packages at a time: building takes longer than fuzzing, and uses one core for most of its time.
.PHONY: fuzz
fuzz: ## Run every fuzzer for FUZZTIME (10s)
	@grep -rl --include='*_test.go' '^func Fuzz' . | xargs -n1 dirname | sort -u | \
	  TAGS=$(TAGS) xargs -P 2 -n 1 tools/fuzz $(FUZZTIME)

.PHONY: bench
bench: ## Run the benchmarks
	$(GO) test -vet=off -tags $(TAGS) -run '^$$' -bench . -benchmem ./...

# The detector at the Internet's size takes 4 minutes and a gigabyte. BENCH_MEMORY_PREFIXES=100000
# makes a small detector.
.PHONY: bench-memory
bench-memory: export BENCH_MEMORY_PREFIXES ?= 1200000
bench-memory: ## Measure the memory of the detector and the loss of peers
	$(GO) test -vet=off -tags $(TAGS) -run '^$$' -bench '^BenchmarkMemory$$' -benchtime 1x -timeout 60m ./detect/core

.PHONY: cover
cover: ## Tests with coverage, as coverage.out
	$(GO) test -tags $(TAGS) -coverprofile coverage.out ./... && $(GO) tool cover -func coverage.out | tail -n 1

.PHONY: gen
gen: ## Generate code, the AsyncAPI document, docs of outages, keys and metrics, the files of the pages, the boards, Kafka's users for Strimzi
	cd schemas/proto && $(BUF) generate
	$(GO) generate ./serve/page
	$(GO) test -vet=off -tags $(TAGS) -run '^(TestAsyncAPI|TestOutagePage)$$' ./schemas -update
	$(GO) test -vet=off -tags $(TAGS) -run '^(TestConfigurationPage|TestMetricsPage)$$' ./cmd/darkmap -update
	$(GO) test -vet=off -run '^TestBoards$$' ./deploy/grafana -update
	$(GO) test -vet=off -tags $(TAGS) -run '^TestUsers$$' ./deploy/strimzi -update

.PHONY: manifests
manifests: ## Render deploy/k8s from the chart, and check all that is deployed on Kubernetes
	cd tools/k8s && $(GO) run . && $(GO) test -vet=off ./...
	cd tools/pin && $(GO) test -vet=off ./...

# The first run builds Kubernetes, in 14 minutes on two cores. ci has no time for that.
.PHONY: k8s-test
k8s-test: ## Apply, upgrade and drain deploy/k8s on a Kubernetes control plane, with kwok for nodes
	dir=$$(tools/controlplane/build) && cd tools/controlplane && CONTROLPLANE="$$dir" $(GO) test -vet=off -v -count=1 -timeout 60m .

.PHONY: map
map: ## Draw the world map again, from Natural Earth
	cd serve/worldmap && $(GO) run ./make

.PHONY: screenshot
screenshot: build deps ## Make the picture of December 2014 in README.md
	node serve/page/browser/screenshot.mjs $(CURDIR)/$(BIN) docs/december-2014.png

.PHONY: plain-words
plain-words: ## Count expressions that make comments, messages and documents hard to read
	$(GO) run ./tools/plainwords -bars

.PHONY: tidy
tidy: ## Tidy go.mod
	$(GO) mod tidy

# One broker or several: make kafka BROKERS=3 PORT=19092 DIR=... HEAP=512 SECURE=1
BROKERS ?= 1
PORT    ?= 19092
HEAP    ?= 512
DIR     ?= $(or $(XDG_STATE_HOME),$(HOME)/.local/state)/darkmap-kafka/$(BROKERS)$(if $(SECURE),-secure)
.PHONY: kafka
kafka: ## Run an Apache Kafka out of Maven until Ctrl-C: BROKERS, PORT, DIR, HEAP (MiB), SECURE=1
	@$(GO) build -o bin/kafka ./tools/kafka
	@exec bin/kafka -brokers $(BROKERS) -port $(PORT) -dir '$(DIR)' -heap $(HEAP) $(if $(SECURE),-secure)

# Stages as processes of their own, three real brokers and an engine; faults without order, from a seed
# that it prints. FAULTS=20 SEED=7 SCENARIO=four-withdrawn makes a small one.
FAULTS   ?= 200
SEED     ?= 0
SCENARIO ?= outage-48h
.PHONY: chaos
chaos: build ## Kill stages, brokers and ClickHouse at random, and compare the results: FAULTS, SEED, SCENARIO
	TEST_INTEGRATION=1 $(GO) test -vet=off -tags $(TAGS) -v -timeout 3h -run '^TestChaos$$' ./cmd/darkmap \
	  -chaos-faults $(FAULTS) -chaos-seed $(SEED) -chaos-scenario $(SCENARIO)

# Stages as processes of their own, real brokers and an engine: docs/performance.md has the variables.
# RECORDS route changes are played from FILES, or SECONDS of a live feed are measured, with RATE route
# changes a second from FILES.
RECORDS    ?= 50000
SECONDS    ?= 0
RATE       ?= 0
FILES      ?=
STAGES     ?= all
REPLICAS   ?= 1
PARTITIONS ?= 4
COPIES     ?= 1
PROCS      ?= 0
WARM       ?= 120
IDLE       ?= 5
PROFILE    ?=
.PHONY: bench-pipeline
bench-pipeline: ## Measure the stages: RECORDS or SECONDS, RATE, FILES, STAGES, REPLICAS, BROKERS, PARTITIONS
	TEST_INTEGRATION=1 $(GO) test -vet=off -tags $(TAGS) -v -timeout 30h -run '^TestBenchPipeline$$' ./cmd/darkmap \
	  -bench-records $(RECORDS) -bench-seconds $(SECONDS) -bench-rate $(RATE) -bench-dir '$(CURDIR)' -bench-files '$(FILES)' \
	  -bench-scenario $(SCENARIO) -bench-stages $(STAGES) -bench-replicas $(REPLICAS) -bench-brokers $(BROKERS) -bench-heap $(HEAP) \
	  -bench-partitions $(PARTITIONS) -bench-copies $(COPIES) -bench-procs $(PROCS) -bench-warm $(WARM) -bench-idle $(IDLE) \
	  -bench-profile '$(PROFILE)'

# Pairs of stores, one with the views that copy rows and one without WITHOUT (names of views after a comma;
# empty: all). Both get the same rows, those of RECORDS route changes of FILES or a scenario.
PAIRS   ?= 3
WITHOUT ?=
BATCH   ?= 65536
.PHONY: bench-insert
bench-insert: ## Measure what the views cost sink and engine: PAIRS, WITHOUT, BATCH, RECORDS, FILES, SCENARIO
	TEST_INTEGRATION=1 $(GO) test -vet=off -tags $(TAGS) -v -timeout 30h -run '^TestBenchInsert$$' ./cmd/darkmap \
	  -bench-pairs $(PAIRS) -bench-without '$(WITHOUT)' -bench-batch $(BATCH) -bench-records $(RECORDS) \
	  -bench-dir '$(CURDIR)' -bench-files '$(FILES)' -bench-scenario $(SCENARIO) -bench-heap $(HEAP) -bench-partitions $(PARTITIONS) -bench-copies $(COPIES) -bench-idle 0

.PHONY: breaking
breaking: ## Compare the schemas with the newest released ones
	@tag=$$(git describe --tags --abbrev=0 --match 'v*' 2>/dev/null) || { echo "no release yet: nothing to compare with"; exit 0; }; \
	  cd schemas/proto && $(BUF) breaking --against "$(CURDIR)/.git#tag=$$tag,subdir=schemas/proto"

.PHONY: ci
ci: ## Run all checks that a change has to pass
	$(MAKE) gen tidy manifests
	@git diff --exit-code -- schemas docs/outage.md docs/configuration.md docs/metrics.md cmd/darkmap/configuration_keys.json deploy/grafana/dashboards deploy/k8s deploy/strimzi serve/page/web/dist go.mod go.sum || { echo "make gen tidy manifests changed files: commit them"; exit 1; }
	$(MAKE) breaking lint plain-words build cross
	$(MAKE) test

.PHONY: clean
clean: ## Remove built files
	rm -rf bin dist coverage.out
