//! What passes: that somebody is typing. It is in no log that anyone reads back, and whoever is not
//! there does not miss it.

use serde::{Deserialize, Serialize};

/// Something that passes, for one account, on its way from process to process.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Passing {
    /// Whose eyes it is for.
    pub account_id: i64,
    /// As clients know it: `chat.typing`.
    pub event: String,
    /// JSON.
    pub payload: String,
}
