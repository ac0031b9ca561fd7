//! EmojiReact (FEP-c0e0), to a post or a chat message, and Likes that say which emoji they are.

use serde_json::Value;

use super::{Arrival, Failure, Prepared, voted_on};
use crate::db::Conn;
use crate::db::accounts::Account;
use crate::domain::emojis::Used;
use crate::domain::interactions::{self, Outcome};
use crate::domain::{Ctx, chats, emoji_reactions};
use crate::error::AppResult;
use crate::federation::value::{emojis, text};
use crate::text::emoji::is_emoji;

#[derive(Debug)]
pub struct EmojiReact {
    uri: String,
    object: String,
    /// By name, with its picture where it is a custom one.
    emoji: Used,
}

pub(super) fn prepare(arrival: &Arrival<'_>) -> Result<Prepared, Failure> {
    let (object, _) = arrival.object()?;
    let Some(emoji) = emoji(arrival.activity) else {
        return Prepared::nothing("it names no emoji");
    };
    Prepared::deed(super::Deed::EmojiReact(EmojiReact {
        uri: arrival.id().to_owned(),
        object: object.to_owned(),
        emoji,
    }))
}

/// The emoji of a reaction: one of Unicode's, or a custom one that is among its tags.
pub fn emoji(activity: &Value) -> Option<Used> {
    let content = text(activity, "content").or_else(|| text(activity, "_misskey_reaction"))?;
    let content = content.trim();
    if is_emoji(content) {
        return Some(Used::pictured(content, "", ""));
    }
    // `:name:`; some add where it is from.
    let name = content.strip_prefix(':')?.strip_suffix(':')?;
    let bare = name.split('@').next().unwrap_or(name);
    Used::list(&emojis(activity))
        .into_iter()
        .find(|emoji| emoji.shortcode == name || emoji.shortcode == bare)
}

impl EmojiReact {
    pub(super) async fn apply(
        &self,
        tx: &mut Conn,
        ctx: &Ctx,
        actor: &Account,
    ) -> AppResult<&'static str> {
        let name = match self.emoji.url.as_str() {
            "" => self.emoji.shortcode.clone(),
            _ => format!("{}@{}", self.emoji.shortcode, actor.domain),
        };
        let reaction = (&*self.uri, &*name, &*self.emoji.url);
        if let Some(done) = chats::react_remote(tx, ctx, actor, &self.object, reaction).await? {
            return Ok(done);
        }
        let status = match voted_on(tx, actor, &self.object).await? {
            Ok(status) => status,
            Err(reason) => return Ok(reason),
        };
        if !interactions::may_vote(tx, actor, &status).await? {
            return Ok(Outcome::Denied.reason());
        }
        let (emoji, uri) = (self.emoji.clone(), self.uri.clone());
        emoji_reactions::receive(tx, ctx, actor, &status, emoji, uri).await?;
        Ok("")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn emoji_are_read_in_the_ways_they_are_written() {
        let named = |activity: Value| emoji(&activity).map(|e| (e.shortcode, e.url));
        let some = |name: &str, url: &str| Some((name.to_owned(), url.to_owned()));
        assert_eq!(named(json!({"content": " 🔥 "})), some("🔥", ""));
        assert_eq!(named(json!({"_misskey_reaction": "👍"})), some("👍", ""));
        let tag = json!([{
            "type": "Emoji", "name": ":blobcat:", "icon": {"url": "https://a.example/b.png"}
        }]);
        let url = "https://a.example/b.png";
        for content in [":blobcat:", ":blobcat@a.example:"] {
            let activity = json!({"content": content, "tag": tag});
            assert_eq!(named(activity), some("blobcat", url));
        }
        for content in ["", "nice", ":other:", ":", "::", ":blobcat"] {
            assert_eq!(named(json!({"content": content, "tag": tag})), None);
        }
        assert_eq!(named(json!({"content": ["🔥"]})), None);
        assert_eq!(named(json!({})), None);
    }
}
