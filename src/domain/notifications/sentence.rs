//! Notifications in a sentence.

use super::Type;

/// What a notification says, in English. `name` is its sender's.
pub fn sentence(kind: Option<Type>, name: &str) -> String {
    match kind {
        Some(Type::Mention) => format!("{name} mentioned you"),
        Some(Type::Status) => format!("{name} just posted"),
        Some(Type::Reblog) => format!("{name} boosted your post"),
        Some(Type::Follow) => format!("{name} followed you"),
        Some(Type::FollowRequest) => format!("{name} has requested to follow you"),
        Some(Type::Favourite) => format!("{name} favorited your post"),
        Some(Type::Poll) => "A poll has ended".to_owned(),
        Some(Type::Update) => format!("{name} edited a post"),
        Some(Type::Quote) => format!("{name} quoted your post"),
        Some(Type::QuotedUpdate) => format!("{name} edited a post you have quoted"),
        Some(Type::AddedToCollection) => format!("{name} added you to a collection"),
        Some(Type::CollectionUpdate) => format!("{name} edited a collection that you are in"),
        Some(Type::AdminSignUp) => format!("{name} signed up"),
        Some(Type::AdminReport) => format!("{name} submitted a report"),
        Some(Type::SeveredRelationships) => "You lost connections".to_owned(),
        Some(Type::ModerationWarning) => "You have received a moderation warning".to_owned(),
        Some(Type::Dislike) => format!("{name} disliked your post"),
        Some(Type::FriendRequest) => format!("{name} wants to be your friend"),
        Some(Type::FriendAccepted) => format!("{name} is now your friend"),
        Some(Type::ChatMessage) => format!("{name} sent you a message"),
        Some(Type::Reaction) => format!("{name} reacted to what you wrote"),
        Some(Type::PendingFavourite) => format!("{name} wants to favorite your post"),
        Some(Type::PendingReply) => format!("{name} wants to reply to your post"),
        Some(Type::PendingReblog) => format!("{name} wants to boost your post"),
        None => name.to_owned(),
    }
}
