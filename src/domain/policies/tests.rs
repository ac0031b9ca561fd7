//! What policies hold for.

use super::*;

#[test]
fn s16_a_policy_holds_for_every_spelling_of_a_host() {
    let policy = |domain: &str| DomainPolicy {
        domain: domain.to_owned(),
        severity: "block".to_owned(),
        reject_media: false,
        reject_reports: false,
        public_comment: String::new(),
        private_comment: String::new(),
        created_at: 1,
        id: 1,
        obfuscate: false,
        subscription_id: None,
    };
    let rows = ["bad.example", "odd.example:8080", "xn--bcher-kva.example"].map(policy);
    let policies = Policies {
        by_domain: rows.into_iter().map(|p| (p.domain.clone(), p)).collect(),
        ..Policies::default()
    };
    for host in [
        "bad.example",
        "BAD.example",
        "bad.example.",
        "bad.example:8443",
        "bad.example.:8443",
        "a.b.bad.example",
        "a.bad.example.:1",
        "odd.example:8080",
        "odd.example.:8080",
        "a.xn--bcher-kva.example",
    ] {
        assert!(policies.blocks(host), "{host}");
    }
    for host in [
        "example",
        "verybad.example",
        "bad.example.org",
        "odd.example",
        "odd.example:8081",
        "a.odd.example:8080",
        "",
        ".",
        "[::1]:8080",
    ] {
        assert!(!policies.blocks(host), "{host}");
    }
}

#[test]
fn s16_an_allow_list_has_no_gaps() {
    let policy = |domain: &str, severity: &str| DomainPolicy {
        domain: domain.to_owned(),
        severity: severity.to_owned(),
        reject_media: false,
        reject_reports: false,
        public_comment: String::new(),
        private_comment: String::new(),
        created_at: 1,
        id: 1,
        obfuscate: false,
        subscription_id: None,
    };
    let rows = [
        policy("good.example", ALLOW),
        policy("bad.good.example", BLOCK),
        policy("odd.example:8080", ALLOW),
        policy("noisy.example", LIMIT),
    ];
    let mut policies = Policies {
        by_domain: rows.into_iter().map(|p| (p.domain.clone(), p)).collect(),
        allow_list: true,
        ..Policies::default()
    };
    for host in [
        "good.example",
        "GOOD.example.",
        "a.good.example:8443",
        "odd.example:8080",
    ] {
        assert!(!policies.blocks(host), "{host}");
    }
    for host in [
        "bad.good.example",
        "a.bad.good.example",
        "odd.example",
        "noisy.example",
        "notgood.example",
        "example",
        "",
    ] {
        assert!(policies.blocks(host), "{host}");
        assert_eq!(policies.shuns(host), host.contains("bad"), "{host}");
    }
    policies.allow_list = false;
    assert!(!policies.blocks("noisy.example") && !policies.blocks("other.example"));
    let empty = Policies {
        allow_list: true,
        ..Policies::default()
    };
    assert!(empty.blocks("good.example"));
}

#[test]
fn a_rule_for_a_part_lets_nothing_in_that_is_kept_out() {
    let above = |severity: &str| DomainPolicy {
        domain: "bad.example".to_owned(),
        severity: severity.to_owned(),
        reject_media: true,
        reject_reports: false,
        public_comment: String::new(),
        private_comment: String::new(),
        created_at: 1,
        id: 1,
        obfuscate: false,
        subscription_id: None,
    };
    let lets = |theirs: &DomainPolicy, ours: &str, domain: &str| {
        let mut terms = Terms::of(theirs);
        terms.severity = ours.to_owned();
        terms.reject_media = false;
        lets_in(domain, &terms, |name| {
            (name == theirs.domain).then_some(theirs)
        })
    };
    for (theirs, ours, hole) in [
        (BLOCK, LIMIT, true),
        (BLOCK, NOOP, true),
        (BLOCK, BLOCK, false),
        // Files were rejected.
        (LIMIT, LIMIT, true),
        (LIMIT, BLOCK, false),
        (ALLOW, LIMIT, false),
    ] {
        assert_eq!(
            lets(&above(theirs), ours, "sub.bad.example"),
            hole,
            "{theirs} {ours}"
        );
        assert!(!lets(&above(theirs), ours, "bad.example"));
        assert!(!lets(&above(theirs), ours, "good.example"));
    }
}
