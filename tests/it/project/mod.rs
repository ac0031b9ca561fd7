//! What the project promises about itself.

mod deployed;
mod documented;
mod examples;
mod hang_up;
mod imports;
mod migrations;
mod transactions;
