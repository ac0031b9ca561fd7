//! What the project promises about itself.

pub mod deployed;
mod documented;
mod examples;
mod hang_up;
mod imports;
mod migrations;
mod transactions;
