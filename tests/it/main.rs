//! The one integration-test binary: real servers on real sockets, a real database, real peers.
//! `KITH_TEST_DATABASE` says which database (`sqlite`, or `postgres` at `KITH_TEST_POSTGRES`).

#![expect(
    clippy::disallowed_methods,
    reason = "tests read their environment and use an HTTP client of their own"
)]

mod support;

mod api;
mod binary;
mod cluster;
mod explained;
mod federation;
mod http;
mod intents;
mod journey;
mod operation;
mod pages;
mod policies;
mod project;
mod proxy;
