//! What works beside the requests: the queue of jobs, and the cleaning.

mod archive;
mod backfill;
pub mod card;
mod chat_files;
pub mod cleanup;
mod collections;
mod deletion;
pub mod deliver;
mod domain_list;
mod forget;
mod import;
pub mod ingest;
pub mod media;
mod moves;
mod posts;
pub mod presence;
mod push;
pub mod queue;
pub mod remote_files;
pub mod search;
mod sever_domain;
mod standing;
pub mod trends;
mod verify_links;

/// Why a job did not do its work.
#[derive(Debug)]
pub enum JobError {
    /// It may pass: try again later.
    Retry(anyhow::Error),
    /// What it needs is out of reach: try again in some minutes, however often; less often after some hours.
    Later(anyhow::Error),
    /// It will not: give it up.
    Fail(anyhow::Error),
}

impl JobError {
    /// Try again later.
    pub fn retry(source: impl Into<anyhow::Error>) -> JobError {
        JobError::Retry(source.into())
    }

    /// Try again in some minutes, without counting this as an attempt.
    pub fn later(source: impl Into<anyhow::Error>) -> JobError {
        JobError::Later(source.into())
    }

    /// Give it up.
    pub fn fail(source: impl Into<anyhow::Error>) -> JobError {
        JobError::Fail(source.into())
    }
}
