# Two commands do it all: `cargo run` for the product on this machine, `make test` for every test.

.PHONY: test deployed package lint docs secrets kill live bench

# What the tests run is built first: the program itself, and every function. `--workspace` gives all of it one set of features,
# so that no dependency is built twice.
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

# The integration tests end at the first secret that is logged, in `make test` as well. Here everything under us talks, too: the
# AWS SDK and the HTTP libraries at `debug`.
secrets:
	cargo build --workspace --bins
	TUISONG_WATCH_LOGS=1 cargo test --workspace --test it

# Rounds of `kill -9` at random points: fifty with people who follow a topic, twenty with devices that hold connections, twenty
# with an enterprise's messages to everybody. Some minutes each.
kill:
	cargo build --workspace --bins
	cargo run --workspace --bin kill -- --rounds 50
	cargo run --workspace --bin kill -- --rounds 20 --devices 500
	cargo run --workspace --bin kill -- --rounds 20 --mass

# Ten thousand connections of our own channel at once; some minutes, and as many open files (`ulimit -Hn`).
DEVICES ?= 10000
live:
	cargo build --release --bin tuisong
	cargo build --workspace --bins
	target/debug/live --program target/release/tuisong --devices $(DEVICES)

# What a message costs, how fast it goes and how much memory it takes: a table, bench.json and docs/performance.md. At most a
# quarter of an hour once everything is built; building every function in release takes longer than that on two processors.
# QUICK=1: small sizes. Other clients that cannot be installed are left out, and that is said aloud.
bench:
	cargo build --release -p tuisong-bench
	tests/bench/waking/run --build
	-tests/bench/peers/run --install
	target/release/bench all
