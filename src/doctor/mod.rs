//! Looks a server over: this machine, the database, what other servers see, the services beside.
//!
//! Nothing is changed and nothing migrated, and a running server is not in the way.

mod database;
mod drill;
mod front;
mod machine;
mod outside;
mod services;
mod storage;

use serde_json::{Value, json};

use crate::clock::Clock;
use crate::config::Config;
use crate::random::Random;

/// How a check ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    Ok,
    /// It works, and will not for long or not for everyone.
    Warn,
    Fail,
    /// It cannot be made from here.
    Skipped,
}

impl State {
    /// Its name for people and programs.
    pub fn name(self) -> &'static str {
        match self {
            State::Ok => "ok",
            State::Warn => "warn",
            State::Fail => "fail",
            State::Skipped => "skipped",
        }
    }
}

/// A check that was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check {
    pub name: &'static str,
    pub state: State,
    /// What was found, in a line.
    pub message: String,
    /// What to do about it.
    pub hint: &'static str,
}

impl Check {
    fn new(name: &'static str, state: State, message: impl Into<String>) -> Check {
        Check {
            name,
            state,
            message: message.into(),
            hint: "",
        }
    }

    fn ok(name: &'static str, message: impl Into<String>) -> Check {
        Check::new(name, State::Ok, message)
    }

    fn skipped(name: &'static str, message: impl Into<String>) -> Check {
        Check::new(name, State::Skipped, message)
    }

    fn warn(name: &'static str, message: impl Into<String>, hint: &'static str) -> Check {
        Check {
            hint,
            ..Check::new(name, State::Warn, message)
        }
    }

    fn fail(name: &'static str, message: impl Into<String>, hint: &'static str) -> Check {
        Check {
            hint,
            ..Check::new(name, State::Fail, message)
        }
    }

    /// As `--json` prints it.
    pub fn json(&self) -> Value {
        json!({
            "check": self.name,
            "state": self.state.name(),
            "message": self.message,
            "hint": if self.hint.is_empty() { Value::Null } else { json!(self.hint) },
        })
    }
}

/// What is to be looked at besides.
#[derive(Debug, Clone, Copy, Default)]
pub struct Wanted {
    /// Make a backup, restore it elsewhere, and compare.
    pub drill: bool,
    /// Ask the public URL although it is on loopback.
    pub outside: bool,
}

/// What checks work with.
struct Patient<'a> {
    config: &'a Config,
    clock: Clock,
    random: Random,
    wanted: Wanted,
}

/// Makes all checks, in a fixed order.
pub async fn examine(config: &Config, clock: Clock, random: Random, wanted: Wanted) -> Vec<Check> {
    let patient = Patient {
        config,
        clock,
        random,
        wanted,
    };
    let mut checks = machine::checks(&patient);
    let known = database::checks(&patient, &mut checks).await;
    outside::checks(&patient, &known, &mut checks).await;
    services::checks(&patient, &mut checks).await;
    storage::check(&patient, &mut checks).await;
    drill::check(&patient, &mut checks).await;
    checks
}
