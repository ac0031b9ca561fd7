//! What passes: to those who listen here, and to the other processes.

use std::sync::Arc;

use crate::app::App;
use crate::error::AppError;
use crate::events::hub::{Channel, Message};
use crate::events::passing::Passing;
use crate::events::{Event, Kind};

/// Tells an account something that passes, wherever it listens. Never waits.
pub fn pass(app: &App, account_id: i64, event: &'static str, payload: String) {
    let passing = Passing {
        account_id,
        event: event.to_owned(),
        payload,
    };
    tell(app, &passing);
    let Err(passing) = app.bus.pass(passing) else {
        return;
    };
    // Without Redis it takes the way through the log, where there is anyone else to read it.
    if !app.bus.has_company() {
        return;
    }
    let app = app.clone();
    tokio::spawn(async move {
        let written = app
            .write(move |tx| {
                Box::pin(async move {
                    let payload = serde_json::to_string(&passing)?;
                    let event = Event::to(passing.account_id, Kind::Passing, 0);
                    tx.emit(event.with(payload));
                    Ok::<_, AppError>(())
                })
            })
            .await;
        if let Err(error) = written {
            tracing::debug!(%error, "what passes did not");
        }
    });
}

/// Tells what another process passed on by the log.
pub fn arrived(app: &App, text: &str) {
    if let Ok(passing) = serde_json::from_str::<Passing>(text) {
        tell(app, &passing);
    }
}

/// Tells those who listen here.
pub fn tell(app: &App, passing: &Passing) {
    let channel = Channel::Chat(passing.account_id);
    if !app.hub.has(&channel) {
        return;
    }
    // Another kind is one of a newer version.
    let event = match passing.event.as_str() {
        "chat.typing" => "chat.typing",
        _ => return,
    };
    let payload = passing.payload.as_str().into();
    let message = Arc::new(Message::new(&channel, event, payload));
    app.hub.send_passing(&channel, &message);
}
