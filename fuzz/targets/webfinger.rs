//! What hosts say of handles, and handles.

#![no_main]

use kith::federation::value::{self, uri};
use kith::federation::webfinger;
use kith::text::names::{Handle, normalize_domain, parse_handle, valid_email};
use kith_fuzz::{bounded, expand};
use libfuzzer_sys::fuzz_target;

/// The longest answer that is read.
const LIMIT: usize = 64 * 1024;

fuzz_target!(|data: &[u8]| bounded(|| read(&expand(data, LIMIT))));

fn read(data: &[u8]) {
    if let Ok(document) = value::parse(data) {
        let answer = webfinger::read(&document);
        assert!(answer.actors.len() <= 10);
        assert!(answer.actors.iter().all(|actor| uri(actor).is_some()));
        if let Some(subject) = &answer.subject {
            assert!(subject.domain.is_some());
            reads_back(subject);
        }
    }
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    if let Some(handle) = parse_handle(text) {
        reads_back(&handle);
    }
    if let Some(domain) = normalize_domain(text) {
        assert_normal(&domain);
        assert!(!valid_email(text));
    }
    if valid_email(text) {
        assert!(text.len() <= 254 && !text.contains(|c: char| c.is_control() || c.is_whitespace()));
    }
}

/// A handle is written in one way alone.
fn reads_back(handle: &Handle) {
    let Handle { username, domain } = handle;
    assert!(!username.is_empty() && username.len() <= 255);
    assert!(
        username
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"_.-".contains(&b))
    );
    let written = match domain {
        Some(domain) => {
            assert_normal(domain);
            format!("{username}@{domain}")
        }
        None => username.clone(),
    };
    for prefix in ["", "@", "acct:", "ACCT:@"] {
        assert_eq!(
            parse_handle(&format!("{prefix}{written}")).as_ref(),
            Some(handle)
        );
    }
}

/// The normal form of a host does not change when it is brought into it again, and goes into a URL as it is.
fn assert_normal(domain: &str) {
    assert_eq!(normalize_domain(domain).as_deref(), Some(domain));
    assert!(
        domain
            .bytes()
            .all(|b| b.is_ascii_graphic() && !b.is_ascii_uppercase() && !b"/@\\?#%".contains(&b))
    );
    let url = url::Url::parse(&format!("https://{domain}/")).expect("a host goes into a URL");
    assert_eq!((url.path(), url.username()), ("/", ""));
    let port = domain
        .rsplit_once(':')
        .is_some_and(|(_, port)| port == "443");
    assert!(
        port || value::host(&url) == domain,
        "{domain:?} became {url}"
    );
}
