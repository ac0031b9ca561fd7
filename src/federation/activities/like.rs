//! Like (ActivityPub, section 7.10). One that says which emoji it is (Misskey's) is a reaction.

use super::{Arrival, Failure, Prepared, emoji_react, voted_on};
use crate::db::Conn;
use crate::db::accounts::Account;
use crate::domain::Ctx;
use crate::domain::interactions::{self, FromAfar};
use crate::error::AppResult;

/// What Misskey writes into a plain like.
const HEARTS: [&str; 3] = ["\u{2764}", "\u{2764}\u{fe0f}", "\u{2665}\u{fe0f}"];

#[derive(Debug)]
pub struct Like {
    uri: String,
    object: String,
}

pub(super) fn prepare(arrival: &Arrival<'_>) -> Result<Prepared, Failure> {
    let (object, _) = arrival.object()?;
    if let Some(emoji) = emoji_react::emoji(arrival.activity)
        && !HEARTS.contains(&emoji.shortcode.as_str())
    {
        return emoji_react::prepare(arrival);
    }
    Prepared::deed(super::Deed::Like(Like {
        uri: arrival.id().to_owned(),
        object: object.to_owned(),
    }))
}

impl Like {
    pub(super) async fn apply(
        &self,
        tx: &mut Conn,
        ctx: &Ctx,
        actor: &Account,
    ) -> AppResult<&'static str> {
        match voted_on(tx, actor, &self.object).await? {
            Ok(status) => {
                let from = FromAfar {
                    uri: self.uri.clone(),
                    ..FromAfar::default()
                };
                let done = interactions::favourite(tx, ctx, actor, &status, Some(&from)).await?;
                Ok(done.reason())
            }
            Err(reason) => Ok(reason),
        }
    }
}
