//! The rows of `docs/performance.md`, each beside a floor measured in the same run.
//!
//! `cargo bench` runs them all; `cargo bench -- R1 F3` some. `KITH_TEST_POSTGRES` adds a run of
//! the database rows on PostgreSQL. Server and load share the machine.

mod client;
mod federation;
mod floors;
mod pages;
mod peer;
mod process;
mod search;
mod seed;
mod site;
mod streams;
mod timelines;

use std::time::Instant;

/// Latencies of a run and how long it took.
pub struct Run {
    pub seconds: f64,
    /// Milliseconds, sorted.
    pub latencies: Vec<f64>,
}

impl Run {
    pub fn new(began: Instant, mut latencies: Vec<f64>) -> Run {
        latencies.sort_by(f64::total_cmp);
        Run {
            seconds: began.elapsed().as_secs_f64(),
            latencies,
        }
    }

    pub fn rate(&self) -> f64 {
        self.latencies.len() as f64 / self.seconds
    }

    pub fn percentile(&self, p: f64) -> f64 {
        let last = self.latencies.len().saturating_sub(1);
        let at = (last as f64 * p / 100.0).round() as usize;
        self.latencies.get(at).copied().unwrap_or_default()
    }

    /// As most rows say it.
    pub fn figure(&self) -> String {
        format!("{:.0}/s, p99 {:.1} ms", self.rate(), self.percentile(99.0))
    }
}

/// Prints one row of the table.
pub fn report(row: &str, what: &str, figure: String, target: &str) {
    println!("| {row} | {what} | {figure} | {target} |");
}

fn main() {
    let wanted: Vec<String> = std::env::args()
        .skip(1)
        .filter(|a| !a.starts_with('-'))
        .collect();
    let wants = |row: &str| wanted.is_empty() || wanted.iter().any(|w| w == row);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    println!("| row | what | measured | target |\n|---|---|---|---|");
    runtime.block_on(async {
        if wants("floor") {
            floors::run().await;
        }
        if wants("R1") {
            timelines::home().await;
        }
        if wants("R2") {
            timelines::deep_and_public().await;
        }
        if wants("R3") {
            pages::thread().await;
        }
        if wants("R4") {
            pages::notifications().await;
        }
        if wants("R5") {
            timelines::posting().await;
        }
        if wants("R6") {
            search::search().await;
        }
        if wants("S1") {
            streams::idle().await;
        }
        if wants("S2") {
            streams::one_post_to_many().await;
        }
        if wants("S3") {
            streams::chat().await;
        }
        if wants("F1") || wants("F2") {
            federation::inbox().await;
        }
        if wants("F3") {
            federation::fan_out("F3", 1000, 0, "≥ 2,800/s").await;
        }
        if wants("F4") {
            federation::fan_out("F4", 1000, 100, "≥ 1,500/s").await;
            federation::one_host().await;
        }
        // How F3 grows; not part of a whole run.
        if wanted.iter().any(|w| w == "F3-growth") {
            for followers in [100, 1000, 10_000] {
                federation::fan_out("F3", followers, 0, "≥ 2,800/s").await;
            }
        }
        if wants("F5") {
            federation::trouble().await;
        }
        if wants("F6") {
            federation::backlog().await;
        }
        if wants("O1") || wants("O2") {
            process::start_and_memory().await;
        }
        if wants("D1") {
            process::killed().await;
        }
    });
}
