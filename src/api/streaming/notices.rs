//! Events that are no statuses and no notifications: announcements, and that something is to be
//! read anew.

use std::sync::Arc;

use crate::api::entities::announcement;
use crate::app::App;
use crate::error::AppResult;
use crate::events::hub::{Channel, Message};
use crate::events::{Event, Kind};

/// The notifications of accepted requests are among the others.
pub fn merged(app: &App, account: i64) {
    for channel in [
        Channel::HomeNotifications(account),
        Channel::Notifications(account),
    ] {
        send(app, &channel, "notifications_merged", "1".into());
    }
}

/// An announcement was published, reacted to or withdrawn.
pub async fn announcement(app: &App, event: &Event) -> AppResult<()> {
    let channel = Channel::Everyone;
    if !app.hub.has(&channel) {
        return Ok(());
    }
    if let Some((name, payload)) = announcement_said(app, event).await? {
        send(app, &channel, name, payload);
    }
    Ok(())
}

/// What is said of it.
pub async fn announcement_said(
    app: &App,
    event: &Event,
) -> AppResult<Option<(&'static str, Arc<str>)>> {
    let id = event.subject_id;
    Ok(match event.kind {
        Kind::Announcement => announcement::for_everyone(app, id)
            .await?
            .map(|payload| ("announcement", payload.into())),
        Kind::AnnouncementReaction => {
            let payload = announcement::reaction_event(app, id, &event.payload).await?;
            Some(("announcement.reaction", payload.into()))
        }
        _ => Some(("announcement.delete", id.to_string().into())),
    })
}

fn send(app: &App, channel: &Channel, event: &'static str, payload: Arc<str>) {
    if app.hub.has(channel) {
        let message = Arc::new(Message::new(channel, event, payload));
        app.hub.send(channel, &message, |_, _| true);
    }
}
