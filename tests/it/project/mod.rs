//! What the project promises about itself.

mod hang_up;
mod imports;
mod migrations;
