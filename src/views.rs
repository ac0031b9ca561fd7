//! Views wait in memory and are written together: one transaction every two seconds. A process that
//! dies loses what waits then, and nothing else; what is written is exact, however many processes
//! saw the same.

use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::app::App;
use crate::caches::Bounded;
use crate::db::views::View;
use crate::domain::views;
use crate::error::AppResult;

/// How long a view waits at most.
pub const WINDOW: Duration = Duration::from_secs(2);
/// Views that wait at most: with more, whoever brings the next one sees to the writing.
const MOST: usize = 5_000;
/// Views remembered as written, so that who comes back costs no statement.
const REMEMBERED: usize = 50_000;

/// The views of this process that are not written yet.
pub struct Views {
    waiting: Mutex<HashSet<View>>,
    written: Bounded<View, ()>,
    /// Held while writing, so that who waits for it finds everything written.
    writing: tokio::sync::Mutex<()>,
}

impl Default for Views {
    fn default() -> Views {
        Views {
            waiting: Mutex::default(),
            written: Bounded::new(REMEMBERED),
            writing: tokio::sync::Mutex::default(),
        }
    }
}

impl Views {
    fn add(&self, view: View) -> usize {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        if self.written.get(&view).is_none() {
            waiting.insert(view);
        }
        waiting.len()
    }

    fn take(&self) -> Vec<View> {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.drain().collect()
    }
}

/// Takes in a view.
pub async fn seen(app: &App, view: View) -> AppResult<()> {
    if app.views.add(view) >= MOST {
        flush(app).await?;
    }
    Ok(())
}

/// Writes what waits.
pub async fn flush(app: &App) -> AppResult<()> {
    let _writing = app.views.writing.lock().await;
    let waiting = app.views.take();
    if waiting.is_empty() {
        return Ok(());
    }
    let batch = waiting.clone();
    let written = app
        .write(move |tx| Box::pin(async move { views::count(tx, batch).await }))
        .await;
    for view in waiting {
        if written.is_ok() {
            app.views.written.insert(view, ());
        } else {
            app.views.add(view);
        }
    }
    written
}

/// Writes views from time to time until the application ends, and then what is left.
pub async fn run(app: App) {
    let mut stop = app.stop.clone();
    loop {
        let over = *stop.borrow();
        if let Err(error) = flush(&app).await {
            tracing::warn!(%error, "views could not be written, and are tried again");
        }
        if over {
            return;
        }
        tokio::select! {
            () = tokio::time::sleep(WINDOW) => {}
            _ = stop.changed() => {}
        }
    }
}
