# Two commands do everything: `make demo` shows it, `make test` proves it.
GO ?= go
LINTERS := .bin/staticcheck
# Modules beside the root one, each with dependencies that users must not get.
MODULES := $(patsubst %/go.mod,%,$(filter-out tools/go.mod,$(wildcard */go.mod) $(wildcard */*/go.mod)))

SEEDS ?= 270
FUZZ ?= 60
# Packages whose tests run side by side: many of them wait more than they compute.
TOGETHER ?= 3
CELL ?= load/1024B/64

.PHONY: check test long demo demo-text memcached peers lint modules sim interleavings mutants chaos fuzz bench bench-compare overload rolling rollout profile scale iterate everywhere clean

demo: ## A page on which to break a cluster; Ctrl-C ends it. Needs only Go.
	@$(GO) build -o .bin/demo ./demo && .bin/demo

demo-text: ## The same as a story in the terminal.
	@$(GO) build -o .bin/demo ./demo && .bin/demo -text

check: ## The quick tests of the root module, for every save: some 20 seconds. The rest is in make test.
	$(GO) test -short ./...

test: memcached ## All tests of the root module, under the race detector.
	$(GO) test -race -timeout 20m -p $(TOGETHER) ./...

long: memcached ## The stories of package cluster with six to ten times as many seeds, and with hostile nodes in every place.
	$(GO) test -race -count=1 -timeout 0 ./cluster -long

memcached: ## Installs memcached with the system's package manager where it is missing.
	@sh scripts/install-servers memcached

peers: ## Installs what is measured, and what it is measured against, where it is missing.
	@sh scripts/install-servers memcached redis-server

modules: memcached ## The tests of the modules beside the root one.
	printf '%s\n' $(MODULES) | xargs -P 2 -n 1 sh scripts/module

lint: $(LINTERS) ## vet, staticcheck, gofumpt and tidy, in every module.
	sh scripts/lint $(MODULES)

$(LINTERS): tools/go.mod tools/go.sum
	cd tools && $(GO) build -o ../.bin/ tool

sim: ## Hours of random faults in virtual time: make sim SEEDS=10000
	cd test/sim && $(GO) test -count=1 -timeout 0 -v -run 'TestSimulation$$' . -seeds $(SEEDS)
	cd test/sim && $(GO) test -count=1 -timeout 0 -v -run 'TestSimulationOfUpdates$$' . -update-seeds $(SEEDS)
	cd test/sim && $(GO) test -count=1 -timeout 0 -v ./sticky -seeds $(SEEDS)

interleavings: ## Every order of a few requests on one session, in small scopes and, for some minutes, large ones.
	cd test/sim && $(GO) test -count=1 -timeout 0 -v ./explore -most 0 -large

mutants: memcached ## Takes the rules out one at a time and demands that the tests fail.
	cd test/sim && $(GO) run ./mutants

chaos: memcached ## Some minutes of real faults on real nodes, beside stores that keep one copy.
	cd test/sim && $(GO) run ./chaos

fuzz: ## Every decoder and parser, FUZZ seconds each, as many at once as there are processors.
	sh scripts/fuzz $(FUZZ)

bench: peers ## Speed beside peers, as ratios of one run: bench/RESULTS.md
	cd bench && $(GO) run .

bench-compare: peers ## A quick run against the recorded results.
	cd bench && $(GO) run . -compare

overload: peers ## Two minutes of more requests than there is CPU for, beside peers: bench/OVERLOAD.md
	cd bench && $(GO) run . -overload

rolling: memcached ## Every node restarted empty in turn, under idle sessions: what is lost, and how long healing takes.
	cd bench && $(GO) run ./rolling -into ../docs/scale.md -table gaps
	cd bench && $(GO) run ./rolling -sessions 1000000 -gaps whole -users 16 -into ../docs/scale.md -table million

rollout: memcached ## On a Docker engine: the rolling update of examples/kubernetes, and a cluster that grows and shrinks; some minutes.
	$(GO) test -count=1 -v ./test/rollout -rollout
	$(GO) test -count=1 -v -run 'Grows|Stickiness' ./examples/compose -growing -nonsticky

profile: peers ## CPU, allocation, block and mutex profiles: make profile CELL=save/1024B/64
	cd bench && $(GO) run . -profile ../.bin/profiles -only '^$(CELL)$$'

scale: ## What grows with the number of nodes.
	HOLDFAST_SCALE=10000000 $(GO) test -count=1 -timeout 60m -v -run Scale ./cluster ./cluster/internal/placement
	$(GO) test -run '^$$' -bench 'Preference|Targets|Node' ./cluster ./cluster/internal/placement

iterate: memcached ## How long it takes to see a million sessions one after the other, and how much memory.
	cd bench && $(GO) run ./iterate && $(GO) run ./iterate -owners 250000

everywhere: memcached ## Users log out everywhere, 2,000 times, while nodes die, hang and forget.
	cd test/sim && $(GO) run ./everywhere

clean:
	rm -rf .bin
