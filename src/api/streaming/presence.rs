//! Tells friends and chat partners that somebody came or went.

use std::sync::Arc;

use serde::Serialize;

use crate::app::App;
use crate::clock::iso;
use crate::domain::presence::{self, Change, Known};
use crate::error::AppResult;
use crate::events::Event;
use crate::events::hub::{Channel, Message};

/// Whether an account is there, as Kith's API tells it.
#[derive(Debug, Serialize)]
pub struct Entity {
    account_id: String,
    online: bool,
    last_seen_at: Option<String>,
}

impl Entity {
    /// What is known of an account.
    pub fn of(known: Known) -> Entity {
        Entity {
            account_id: known.account_id.to_string(),
            online: known.online,
            last_seen_at: known.last_seen_at.map(iso),
        }
    }
}

/// An account came or went.
pub async fn changed(app: &App, event: &Event) -> AppResult<()> {
    let Ok(change) = serde_json::from_str::<Change>(&event.payload) else {
        return Ok(());
    };
    let account_id = event.subject_id;
    let audience = app
        .read(move |c| Box::pin(presence::audience(c, account_id)))
        .await?;
    let readers = app.hub.among(&audience, Channel::Chat, |_, relations| {
        !relations.blocking.contains(&account_id) && !relations.blocked_by.contains(&account_id)
    });
    let Some(first) = readers.first() else {
        return Ok(());
    };
    let entity = Entity::of(Known {
        account_id,
        online: change.online,
        last_seen_at: Some(change.at),
    });
    let payload = serde_json::to_string(&entity)?.into();
    // The frame of every reader is the same.
    let message = Arc::new(Message::new(&Channel::Chat(*first), "presence", payload));
    for reader in readers {
        app.hub.send_passing(&Channel::Chat(reader), &message);
    }
    Ok(())
}
