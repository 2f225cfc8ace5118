# Sugar for those who have make: everything here is one command.

GOLANGCI_LINT = go run github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0
ACTIONLINT    = go run github.com/rhysd/actionlint/cmd/actionlint@v1.7.12
# The clang that made the committed objects: another may make others.
CLANG         = Debian clang version 14.0.6

.PHONY: help demo test race fuzz soak fresh lint build vmtest-setup vmtest support bench bench-check generate generate-check ci

help: ## this list
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/' | expand -t 18

demo: ## the quickstart example
	go run ./examples/quickstart

test: ## all tests that this machine can run
	go test ./...

race: ## the same with the race detector, in random order
	go test -race -shuffle=on ./...

fuzz: ## every parser on damaged input, FUZZTIME (1m) each
	.ci/fuzz $(FUZZTIME)

soak: ## everything side by side for ten minutes, as root
	BPFX_SOAK=5m go test -race -count=1 -timeout 20m -v -run TestSoak ./internal/faults
	BPFX_SOAK=5m go test -count=1 -timeout 20m -v -run TestSoak ./internal/faults

fresh: ## the README's commands on a bare Debian root, as root
	.ci/fresh

lint: ## linters, formatting, module files, workflow
	@test -z "$$(gofmt -l .)" || { echo "gofmt would change:"; gofmt -l .; exit 1; }
	go mod tidy -diff
	cd bench && go mod tidy -diff && go vet ./...
	go vet ./...
	go run ./vmtest support -check
	$(GOLANGCI_LINT) run ./...
	$(ACTIONLINT)

build: ## everything, for every platform that must build
	go build ./...
	GOOS=darwin go build ./...
	GOOS=windows go build ./...
	GOOS=linux GOARCH=arm64 go build ./...
	GOOS=linux GOARCH=386 go build ./...

vmtest-setup: ## install virtme-ng and QEMU, fetch kernels
	go run ./vmtest setup

vmtest: ## all tests on all kernels, in VMs
	go run ./vmtest

support: ## docs/support.md from what vmtest expects
	go run ./vmtest support

bench: ## benchmarks against the goals, as root
	cd bench && go run . -o results.txt

bench-check: ## the same, fails if a goal is missed
	cd bench && go run . -check

generate: ## objects and bindings from .c files
	go generate ./...

generate-check: ## generate, and fail if that changes anything
	@if clang --version 2>/dev/null | grep -qF "$(CLANG)"; then \
		go generate ./... && git diff --exit-code -- '*_bpfe?.o' '*_bpfe?.go'; \
	else \
		echo "generate-check: not run, the committed objects are of $(CLANG)"; \
	fi

ci: ## what CI runs
	.ci/run
