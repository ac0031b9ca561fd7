//! What is posted, said and read, with the lists and files around it: queries, one file per family
//! of tables.

use kith_boxed::boxed;
use kith_db_core::{
    Conn, Result, accounts, any, conn, event, kept, on_db, prepared, relations, run, schema,
};

pub mod archives;
pub mod bookmark_folders;
pub mod cards;
pub mod chat_files;
pub mod chat_messages;
pub mod chats;
pub mod collections;
pub mod comments;
pub mod conversations;
pub mod discovery;
pub mod drafts;
pub mod edits;
pub mod emoji_reactions;
pub mod emojis;
pub mod groups;
pub mod interactions;
pub mod lists;
pub mod media;
pub mod media_work;
pub mod pins;
pub mod polls;
pub mod pruning;
pub mod quotes;
pub mod reactions;
pub mod remote_files;
pub mod scheduled;
pub mod search;
pub mod statuses;
pub mod stored_files;
pub mod tagged;
pub mod tags;
pub mod thread_reads;
pub mod threads;
pub mod timelines;
pub mod translations;
pub mod trend_reviews;
pub mod trends;
pub mod views;
pub mod votes;
