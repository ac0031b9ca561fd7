//! What the project promises about itself.

mod documented;
mod hang_up;
mod imports;
mod migrations;
