//! What moderators see of accounts and reports.

pub mod account;
pub mod report;
