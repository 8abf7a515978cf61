# Two commands do everything: `make demo` shows it, `make test` proves it.
GO ?= go
LINTERS := .bin/staticcheck
# Modules beside the root one, each with dependencies that users must not get.
MODULES := $(patsubst %/go.mod,%,$(filter-out tools/go.mod,$(wildcard */go.mod) $(wildcard examples/*/go.mod)))

.PHONY: test race lint demo demo-text sim mutants chaos fuzz bench bench-compare scale memcached clean

test: memcached ## All tests of the root module, under the race detector.
	$(GO) test -race -timeout 20m ./...

memcached: ## Installs memcached with the system's package manager where it is missing.
	@sh scripts/install-memcached

lint: $(LINTERS) ## vet, staticcheck, gofumpt, tidy, in every module.
	sh scripts/lint $(MODULES)

$(LINTERS): tools/go.mod tools/go.sum
	cd tools && $(GO) build -o ../.bin/ tool

clean:
	rm -rf .bin
