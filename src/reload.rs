//! Reading the settings again while the server runs, on SIGHUP.
//!
//! They are read as at the start. A fault in them changes nothing; what only holds from the next start
//! on is named.

use crate::app::App;
use crate::config::Config;

/// Filters the log from now on, as `KITH_LOG` says.
pub type FilterLog = Box<dyn Fn(&str) -> Result<(), String> + Send>;

/// Where settings come from, and what besides the application is set by them.
pub struct Source {
    /// Reads them; the error is one line for an admin.
    pub read: Box<dyn Fn() -> Result<Config, String> + Send>,
    pub filter_log: FilterLog,
}

/// What came of it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reloaded {
    /// Variables of settings that were taken up.
    pub taken_up: Vec<&'static str>,
    /// Variables of settings that are others too, and hold from the next start on.
    pub need_restart: Vec<&'static str>,
}

/// Reads the settings again and takes up what can be.
pub fn reload(app: &App, source: &Source) -> Result<Reloaded, String> {
    let next = (source.read)()?;
    let (before, after) = (app.config.live.now(), next.live.now());
    let reloaded = Reloaded {
        taken_up: before.differences(&after),
        need_restart: app.config.needing_restart(&next),
    };
    if before.log != after.log {
        (source.filter_log)(&after.log)?;
    }
    app.limits.set(after.rate_limit);
    app.config.live.set(after);
    Ok(reloaded)
}

/// The same, told in the log.
pub fn on_signal(app: &App, source: &Source) {
    match reload(app, source) {
        Ok(Reloaded {
            taken_up,
            need_restart,
        }) => {
            match taken_up.is_empty() {
                true => {
                    tracing::info!("the settings were read again: none of those in use changed")
                }
                false => tracing::info!("settings taken up: {}", taken_up.join(", ")),
            }
            if !need_restart.is_empty() {
                tracing::warn!(
                    "settings that changed and hold from the next start on: {}",
                    need_restart.join(", ")
                );
            }
        }
        Err(error) => tracing::error!("the settings stay as they were: {error}"),
    }
}
