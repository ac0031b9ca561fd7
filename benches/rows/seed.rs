//! Many posts, the same in every run, written without what a server does besides.

use kith::db;
use kith::db::accounts::Account;
use kith::db::statuses::Status;

use crate::site::Site;

/// Posts, or entries of theirs, written in one transaction.
pub const CHUNK: usize = 200;
const WORDS: usize = 30_000;

/// How many posts there are to be: `KITH_BENCH_STATUSES`, where it is set.
#[expect(
    clippy::disallowed_methods,
    reason = "a setting of the bench, not of the server"
)]
pub fn wanted(default: usize) -> usize {
    std::env::var("KITH_BENCH_STATUSES")
        .ok()
        .and_then(|n| n.parse().ok())
        .unwrap_or(default)
}

/// A number that follows from another: seeded, so that every run has the same posts.
pub fn scatter(n: u64) -> u64 {
    let mut x = n.wrapping_add(0x9e37_79b9_7f4a_7c15);
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

/// The word of a rank.
pub fn word(rank: usize) -> String {
    let syllables = ["ba", "ke", "li", "mo", "nu", "ra", "se", "ti", "vo", "zu"];
    let mut word = String::new();
    let mut left = rank + 10;
    while left > 0 {
        word.push_str(syllables[left % 10]);
        left /= 10;
    }
    word
}

/// A post's text: 24 words, a word of rank r about 1/r as often as the first.
pub fn text(n: usize) -> String {
    let words: Vec<String> = (0..24)
        .map(|k| {
            let unit = scatter((n * 24 + k) as u64) as f64 / u64::MAX as f64;
            word((WORDS as f64).powf(unit) as usize)
        })
        .collect();
    words.join(" ")
}

/// `author0`, `author1`… of a server elsewhere.
pub async fn authors(site: &Site, n: usize) -> Vec<Account> {
    let mut authors = Vec::with_capacity(n);
    for n in 0..n {
        let name = format!("author{n}");
        authors.push(site.remote("http://remote.example", &name).await);
    }
    authors
}

/// Writes posts of these authors, the last of them the newest. Gives each one's id and its
/// author's, in that order.
pub async fn statuses(site: &Site, authors: &[Account], n: usize) -> Vec<(i64, i64)> {
    let first = site.app.ctx.ids.next();
    let mut all = Vec::with_capacity(n);
    for from in (0..n).step_by(CHUNK) {
        let rows: Vec<Status> = (from..(from + CHUNK).min(n))
            .map(|k| {
                let id = first - ((n - k) as i64) * 1_000_000;
                status(id, &authors[scatter(k as u64) as usize % authors.len()], k)
            })
            .collect();
        all.extend(rows.iter().map(|row| (row.id, row.account_id)));
        let written: Result<(), db::Error> = site
            .app
            .db
            .write(move |tx| {
                Box::pin(async move {
                    for mut row in rows {
                        db::statuses::insert(tx, &mut row).await?;
                    }
                    Ok(())
                })
            })
            .await;
        written.expect("statuses");
    }
    all
}

fn status(id: i64, author: &Account, n: usize) -> Status {
    Status {
        id,
        uri: format!("{}/statuses/{id}", author.uri),
        url: String::new(),
        account_id: author.id,
        local: author.is_local(),
        local_only: false,
        visibility: 0,
        kind: "Note".into(),
        title: String::new(),
        content: format!("<p>{}</p>", text(n)),
        source: String::new(),
        source_type: "text/html".into(),
        spoiler_text: String::new(),
        sensitive: false,
        language: Some("en".into()),
        in_reply_to_id: None,
        in_reply_to_account_id: None,
        in_reply_to_uri: None,
        reblog_of_id: None,
        conversation_id: id,
        app_id: None,
        emojis: "[]".into(),
        created_at: 1,
        edited_at: None,
        fetched_at: None,
        consent: 0,
        context: String::new(),
        replies: String::new(),
    }
}
