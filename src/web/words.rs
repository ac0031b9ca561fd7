//! Numbers, dates, addresses and OAuth scopes as people read them.

use jiff::{Timestamp, tz::TimeZone};

/// `12345` as `12,345`.
pub fn grouped(number: &u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A number with the noun that fits it: `1 reply`, `2 replies`.
pub fn counted(number: &u64, one: &str, many: &str) -> String {
    format!(
        "{} {}",
        grouped(number),
        if *number == 1 { one } else { many }
    )
}

/// Rounded percent that `part` is of `all`; 0 of nothing.
pub fn percent(part: &u64, all: &u64) -> u64 {
    let all = u128::from((*all).max(1));
    let share = (u128::from(*part) * 100 + all / 2) / all;
    u64::try_from(share).unwrap_or(100).min(100)
}

fn format_time(milliseconds: i64, format: &str) -> String {
    // Beyond the calendar (years -9999 to 9999) there is nothing sensible to show.
    Timestamp::from_millisecond(milliseconds)
        .map(|time| time.to_zoned(TimeZone::UTC).strftime(format).to_string())
        .unwrap_or_default()
}

/// A moment (milliseconds since the epoch) for the `datetime` attribute: `2026-11-21T07:36:44Z`.
pub fn machine_time(milliseconds: &i64) -> String {
    format_time(*milliseconds, "%Y-%m-%dT%H:%M:%SZ")
}

/// A moment for people: `21 Nov 2026, 07:36 UTC`.
pub fn moment(milliseconds: &i64) -> String {
    format_time(*milliseconds, "%-d %b %Y, %H:%M UTC")
}

/// The day of a moment: `21 Nov 2026`.
pub fn day(milliseconds: &i64) -> String {
    format_time(*milliseconds, "%-d %b %Y")
}

/// The month of a moment: `November 2026`.
pub fn month(milliseconds: &i64) -> String {
    format_time(*milliseconds, "%B %Y")
}

/// An address that is safe in `href` and `src`: web addresses and paths; anything else
/// (`javascript:`, `data:`) becomes `#`.
pub fn href(url: &str) -> &str {
    let web = ["https://", "http://"].iter().any(|scheme| {
        url.get(..scheme.len())
            .is_some_and(|start| start.eq_ignore_ascii_case(scheme))
    });
    if web || url.starts_with('/') {
        url
    } else {
        "#"
    }
}

/// The first `max` characters of a text, on one line, for descriptions of pages.
pub fn excerpt(text: &str, max: usize) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if line.chars().count() <= max {
        return line;
    }
    let mut short: String = line.chars().take(max.saturating_sub(1)).collect();
    short.truncate(short.trim_end().len());
    short.push('…');
    short
}

/// The text of trusted HTML without its tags, entities decoded as far as sanitised HTML has them.
pub fn plain(html: &str) -> String {
    let mut text = String::with_capacity(html.len());
    let mut rest = html;
    while let Some(start) = rest.find('<') {
        text.push_str(&rest[..start]);
        let end = rest[start..]
            .find('>')
            .map_or(rest.len(), |end| start + end + 1);
        let tag = &rest[start..end];
        if [
            "<p",
            "</p",
            "<br",
            "<li",
            "</li",
            "<blockquote",
            "<h",
            "</h",
            "<pre",
        ]
        .iter()
        .any(|block| tag.starts_with(block))
        {
            text.push(' ');
        }
        rest = &rest[end..];
    }
    text.push_str(rest);
    text.replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&quot;", "\"")
        .replace("&#39;", "'")
        .replace("&nbsp;", " ")
        .replace("&amp;", "&")
}

/// What an OAuth scope lets an app do (Mastodon documentation, api/oauth-scopes); `None` for an unknown one.
pub fn scope(scope: &str) -> Option<&'static str> {
    Some(match scope {
        "profile" => "See your name, avatar and profile",
        "openid" => "Know who you are",
        "read" => "Read everything of your account: posts, timelines, messages, lists and settings",
        "write" => {
            "Do everything in your name: post, edit, delete, upload, follow, vote and message"
        }
        "follow" => "Follow, mute and block people for you",
        "push" => "Receive your notifications",
        "read:accounts" => "See accounts, yours included",
        "read:blocks" => "See whom you block",
        "read:bookmarks" => "See your bookmarks",
        "read:collections" => "See collections of accounts, yours included",
        "read:favourites" => "See your favourites",
        "read:filters" => "See your filters",
        "read:follows" => "See whom you follow and who follows you",
        "read:lists" => "See your lists",
        "read:mutes" => "See whom you mute",
        "read:notifications" => "See your notifications",
        "read:search" => "Search for you",
        "read:statuses" => "See every post that you can see, private ones included",
        "write:accounts" => "Change your profile",
        "write:blocks" => "Block accounts and domains",
        "write:bookmarks" => "Change your bookmarks",
        "write:collections" => "Change your collections, and leave those of others",
        "write:conversations" => "Mute and remove conversations",
        "write:favourites" => "Favourite posts",
        "write:filters" => "Change your filters",
        "write:follows" => "Follow and unfollow people",
        "write:lists" => "Change your lists",
        "write:media" => "Upload files",
        "write:mutes" => "Mute people and conversations",
        "write:notifications" => "Dismiss your notifications",
        "write:reports" => "Report posts and accounts",
        "write:statuses" => "Publish, edit and delete posts",
        "admin:read" => "Read everything that administrators can see of this server",
        "admin:write" => "Change everything on this server",
        "admin:read:accounts" => {
            "See accounts with their e-mail and IP addresses, as an administrator"
        }
        "admin:read:reports" => "See reports, as an administrator",
        "admin:read:domain_allows" => "See allowed domains, as an administrator",
        "admin:read:domain_blocks" => "See blocked domains, as an administrator",
        "admin:read:ip_blocks" => "See blocked IP addresses, as an administrator",
        "admin:read:email_domain_blocks" => "See blocked e-mail domains, as an administrator",
        "admin:read:canonical_email_blocks" => "See blocked e-mail addresses, as an administrator",
        "admin:write:accounts" => "Moderate accounts, as an administrator",
        "admin:write:reports" => "Work on reports, as an administrator",
        "admin:write:domain_allows" => "Allow domains, as an administrator",
        "admin:write:domain_blocks" => "Block domains, as an administrator",
        "admin:write:ip_blocks" => "Block IP addresses, as an administrator",
        "admin:write:email_domain_blocks" => "Block e-mail domains, as an administrator",
        "admin:write:canonical_email_blocks" => "Block e-mail addresses, as an administrator",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_scope_has_words() {
        for known in crate::domain::oauth::scopes::KNOWN {
            assert!(scope(known).is_some(), "{known}");
        }
        assert!(scope("nonsense").is_none());
    }

    #[test]
    fn numbers() {
        assert_eq!(grouped(&0), "0");
        assert_eq!(grouped(&999), "999");
        assert_eq!(grouped(&1_000), "1,000");
        assert_eq!(grouped(&12_345_678), "12,345,678");
        assert_eq!(counted(&1, "reply", "replies"), "1 reply");
        assert_eq!(counted(&1_200, "reply", "replies"), "1,200 replies");
        assert_eq!(
            (percent(&2, &3), percent(&0, &0), percent(&5, &4)),
            (67, 0, 100)
        );
    }

    #[test]
    fn times() {
        let time = 1_795_246_604_000;
        assert_eq!(machine_time(&time), "2026-11-21T07:36:44Z");
        assert_eq!(moment(&time), "21 Nov 2026, 07:36 UTC");
        assert_eq!(
            (day(&time).as_str(), month(&time).as_str()),
            ("21 Nov 2026", "November 2026")
        );
        assert_eq!(moment(&i64::MAX), "");
    }

    #[test]
    fn addresses() {
        for good in ["https://a.example/", "HTTP://a.example", "/@alice"] {
            assert_eq!(href(good), good);
        }
        for bad in [
            "javascript:alert(1)",
            "data:text/html,x",
            " https://a.example",
            "",
            "é",
        ] {
            assert_eq!(href(bad), "#", "{bad:?}");
        }
    }

    #[test]
    fn excerpts() {
        assert_eq!(
            plain("<p>a &amp;lt; b</p><p>c<br>d</p>").trim(),
            "a &lt; b  c d"
        );
        assert_eq!(plain("cut <a href"), "cut ");
        assert_eq!(excerpt(" a\n b ", 10), "a b");
        assert_eq!(excerpt("äöü äöü", 5), "äöü…");
    }
}
