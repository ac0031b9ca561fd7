//! Announce (ActivityPub, section 7.11): a reblog; or an activity of somebody else that is passed
//! on, which groups do (`group`), and here and there others.

use super::{Arrival, Failure, Prepared, create, delete, group, interaction, update};
use crate::db::accounts::Account;
use crate::db::{self, Conn};
use crate::domain::interactions::{self, FromAfar, Verb};
use crate::domain::visibility::Visibility;
use crate::domain::{self, Ctx};
use crate::error::AppResult;
use crate::federation::fetch;
use crate::federation::objects::note as notes;
use crate::federation::value::{first_id, kind_of, time};

#[derive(Debug)]
pub struct Announce {
    uri: String,
    /// Milliseconds since the epoch.
    published: i64,
    visibility: Visibility,
    object: String,
    /// A stamp for it was seen at its origin.
    vouched: bool,
    /// The object, where it was not here.
    fetched: Option<create::Ready>,
}

pub(super) async fn prepare(arrival: &Arrival<'_>) -> Result<Prepared, Failure> {
    if group::is_group(arrival.actor) {
        return group::prepare(arrival).await;
    }
    let app = arrival.app;
    let (object_id, object) = arrival.object()?;
    let passed_on = ["Create", "Update", "Delete"];
    if let Some(verb) = kind_of(object, &passed_on) {
        let inner = first_id(object, "object")
            .ok_or_else(|| Failure::Hopeless("passes on an activity without object".to_owned()))?;
        // Nothing of it is believed but what its origin serves.
        return match verb {
            "Create" => create::prepare_fetched(arrival, inner, None).await,
            "Update" => update::prepare_fetched(arrival, inner, None).await,
            _ => delete::prepare_fetched(arrival, inner).await,
        };
    }
    if object.get("object").is_some() {
        return Prepared::nothing("not understood");
    }
    if arrival.relayed && app.policies().await?.is_relay(&arrival.actor.uri) {
        // No reblog: a relay says that there is a post.
        return create::prepare_fetched(arrival, object_id, None).await;
    }
    let (uri, actor) = (object_id.to_owned(), arrival.actor.id);
    let (known, followed) = app
        .read(move |c| {
            Box::pin(async move {
                let known = db::statuses::by_uri(c, &uri).await?;
                Ok((
                    known.map(|status| status.local),
                    db::relations::followed_locally(c, actor).await?,
                ))
            })
        })
        .await?;
    if !followed && known != Some(true) {
        return Prepared::nothing("it concerns nobody here");
    }
    let fetched = if known.is_some() || arrival.coming.contains(object_id) {
        None
    } else if app.config.is_ours(object_id) {
        return Prepared::nothing("there is no such object here");
    } else {
        let (author, document) = fetch::note(app, object_id, arrival.budget).await?;
        let mut ready = create::ready_alone(app, author, &document).await?;
        create::resolve(app, &mut ready, arrival.budget).await;
        if !ready.note.visibility.is_open() {
            return Prepared::nothing("the object is not for everyone");
        }
        Some(ready)
    };
    let visibility = match notes::visibility(arrival.activity, arrival.actor) {
        Visibility::Public => Visibility::Public,
        Visibility::Unlisted => Visibility::Unlisted,
        _ => Visibility::Private,
    };
    Prepared::deed(super::Deed::Announce(Announce {
        uri: arrival.id().to_owned(),
        published: time(arrival.activity, "published").unwrap_or_else(|| app.clock.now_ms()),
        visibility,
        object: fetched
            .as_ref()
            .map_or(object_id, |ready| &ready.note.uri)
            .to_owned(),
        vouched: interaction::vouched(arrival, Verb::Announce, object_id).await,
        fetched,
    }))
}

impl Announce {
    pub(super) async fn apply(
        &self,
        tx: &mut Conn,
        ctx: &Ctx,
        actor: &Account,
    ) -> AppResult<&'static str> {
        if let Some(ready) = &self.fetched {
            ready.store_quoted(tx, ctx).await?;
            domain::statuses::receive(tx, ctx, &ready.author, ready.note.clone(), true).await?;
        }
        let status = db::statuses::by_uri(tx, &self.object).await?;
        let Some(status) = status.filter(|status| status.reblog_of_id.is_none()) else {
            return Ok("the object is not known here");
        };
        let visibility = Visibility::from_db(status.visibility);
        let own = status.account_id == actor.id && visibility == Visibility::Private;
        if !(visibility.is_open() || own) || status.local_only {
            return Ok("the object is not to be reblogged");
        }
        if db::statuses::buried(tx, &self.uri).await?.is_some() {
            return Ok("it was undone before it came");
        }
        let from = FromAfar {
            uri: self.uri.clone(),
            request: None,
            vouched: self.vouched,
            published: self.published,
        };
        let visibility = Some(self.visibility);
        let (outcome, _) =
            interactions::reblog(tx, ctx, actor, &status, visibility, Some(&from)).await?;
        Ok(outcome.reason())
    }
}
