# Two commands do it all: `cargo run` for the product on this machine, `make test` for every test.

.PHONY: test deployed package lint docs kill

# What the tests run is built first: the program itself, and every function. `--workspace` builds all with one set of features, once.
test:
	cargo build --workspace --bins
	cargo test --workspace
	tests/deploy/run

# The template alone, deployed whole to an AWS on this machine. Needs Python 3.
deployed:
	tests/deploy/run

# What `sam deploy` deploys, in release, with a check of the glibc it needs. ARCHITECTURE=x86_64 for the other processor.
ARCHITECTURE ?= arm64
package:
	python3 tests/deploy/package.py --architecture $(ARCHITECTURE)

lint:
	cargo fmt --all --check
	cargo clippy --workspace --all-targets -- -D warnings
	tests/deploy/with-python lint.py

docs:
	RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps

# Fifty rounds of `kill -9` at random points: some minutes.
kill:
	cargo build --workspace --bins
	cargo run --workspace --bin kill -- --rounds 50
