use super::*;

pub(in crate::domain) fn account(id: i64) -> Account {
    Account {
        id,
        username: format!("u{id}"),
        username_lower: format!("u{id}"),
        domain: String::new(),
        uri: format!("https://a.example/{id}"),
        url: String::new(),
        kind: "Person".into(),
        display_name: String::new(),
        note: String::new(),
        fields: "[]".into(),
        emojis: "[]".into(),
        avatar: String::new(),
        avatar_description: String::new(),
        header: String::new(),
        header_description: String::new(),
        inbox_url: String::new(),
        delivery_url: String::new(),
        delivery_host: String::new(),
        followers_url: String::new(),
        endpoints: "{}".into(),
        locked: false,
        discoverable: true,
        indexable: true,
        hide_collections: false,
        also_known_as: "[]".into(),
        moved_to: String::new(),
        created_at: 0,
        fetched_at: 0,
        suspended_at: None,
        silenced_at: None,
        deleted_at: None,
        sensitized_at: None,
    }
}

fn status(author: i64, visibility: Visibility) -> Status {
    Status {
        id: 1,
        uri: String::new(),
        url: String::new(),
        account_id: author,
        local: true,
        local_only: false,
        visibility: visibility as i16,
        kind: "Note".into(),
        title: String::new(),
        content: String::new(),
        source: String::new(),
        source_type: String::new(),
        spoiler_text: String::new(),
        sensitive: false,
        language: None,
        in_reply_to_id: None,
        in_reply_to_account_id: None,
        in_reply_to_uri: None,
        reblog_of_id: None,
        conversation_id: 1,
        app_id: None,
        emojis: "[]".into(),
        created_at: 0,
        edited_at: None,
        fetched_at: None,
        consent: 0,
        context: String::new(),
        replies: String::new(),
    }
}

const ALL: [Visibility; 5] = [
    Visibility::Public,
    Visibility::Unlisted,
    Visibility::Private,
    Visibility::Direct,
    Visibility::Mutuals,
];

/// Which visibilities a viewer sees.
fn seen(
    mentioned: &[i64],
    followed_by_author: bool,
    relations: Option<&Relations>,
) -> Vec<Visibility> {
    ALL.into_iter()
        .filter(|v| {
            let viewer = relations.map(|relations| Viewer {
                account_id: 2,
                relations,
            });
            can_see(
                &status(1, *v),
                &account(1),
                mentioned,
                followed_by_author,
                viewer,
            )
        })
        .collect()
}

#[test]
fn a_stranger_sees_what_is_open() {
    use Visibility::*;
    assert_eq!(seen(&[], false, None), [Public, Unlisted]);
    let none = Relations::default();
    assert_eq!(seen(&[], false, Some(&none)), [Public, Unlisted]);
}

#[test]
fn a_follower_sees_followers_only_and_a_friend_sees_mutuals() {
    use Visibility::*;
    let mut relations = Relations::default();
    relations.following.insert(1, true);
    assert_eq!(
        seen(&[], false, Some(&relations)),
        [Public, Unlisted, Private]
    );
    assert_eq!(
        seen(&[], true, Some(&relations)),
        [Public, Unlisted, Private, Mutuals]
    );
}

#[test]
fn being_followed_alone_opens_nothing() {
    use Visibility::*;
    assert_eq!(
        seen(&[], true, Some(&Relations::default())),
        [Public, Unlisted]
    );
}

#[test]
fn who_is_mentioned_sees_it() {
    assert_eq!(seen(&[2], false, Some(&Relations::default())), ALL);
}

#[test]
fn who_is_blocked_sees_nothing_even_when_mentioned() {
    let mut relations = Relations::default();
    relations.following.insert(1, true);
    relations.blocked_by.insert(1);
    assert_eq!(seen(&[2], true, Some(&relations)), []);
}

#[test]
fn nothing_of_a_suspended_author_is_seen() {
    let mut author = account(1);
    author.suspended_at = Some(1);
    let relations = Relations::default();
    let viewer = Viewer {
        account_id: 1,
        relations: &relations,
    };
    assert!(!can_see(
        &status(1, Visibility::Public),
        &author,
        &[],
        false,
        Some(viewer)
    ));
}

#[test]
fn local_only_is_not_for_anonymous_readers() {
    let mut own = status(1, Visibility::Public);
    own.local_only = true;
    assert!(!can_see(&own, &account(1), &[], false, None));
    let relations = Relations::default();
    let viewer = Viewer {
        account_id: 2,
        relations: &relations,
    };
    assert!(can_see(&own, &account(1), &[], false, Some(viewer)));
}

/// Every visibility, to everyone there is: what is in the list is seen.
#[test]
fn the_matrix_of_visibilities_and_readers() {
    use Visibility::*;
    // Follows the author, is followed, is mentioned, blocked: signed in; then what they see.
    let readers: [(bool, bool, bool, bool, &[Visibility]); 8] = [
        (false, false, false, false, &[Public, Unlisted]),
        (true, false, false, false, &[Public, Unlisted, Private]),
        (false, true, false, false, &[Public, Unlisted]),
        (
            true,
            true,
            false,
            false,
            &[Public, Unlisted, Private, Mutuals],
        ),
        (false, false, true, false, &ALL),
        (true, true, true, false, &ALL),
        (true, true, true, true, &[]),
        (false, false, false, true, &[]),
    ];
    for (follows, followed, mentioned, blocked, wanted) in readers {
        let mut relations = Relations::default();
        if follows {
            relations.following.insert(1, true);
        }
        if blocked {
            relations.blocked_by.insert(1);
        }
        let viewer = Viewer {
            account_id: 2,
            relations: &relations,
        };
        let mentions: &[i64] = if mentioned { &[2] } else { &[3] };
        for visibility in ALL {
            for local_only in [false, true] {
                let mut own = status(1, visibility);
                own.local_only = local_only;
                let sees = |status: &Status, viewer| {
                    can_see(status, &account(1), mentions, followed, viewer)
                };
                assert_eq!(
                    sees(&own, Some(viewer)),
                    wanted.contains(&visibility),
                    "{visibility:?} {local_only} {follows} {followed} {mentioned} {blocked}"
                );
                assert_eq!(sees(&own, None), visibility.is_open() && !local_only);
                // Its author sees it, whatever it is.
                let author = Viewer {
                    account_id: 1,
                    relations: &relations,
                };
                assert!(sees(&own, Some(author)));
            }
        }
    }
}

#[test]
fn timelines_leave_out_the_blocked_and_the_muted() {
    let mut relations = Relations::default();
    let viewer = |relations: &Relations| {
        in_timeline(
            &[1, 3],
            Viewer {
                account_id: 2,
                relations,
            },
            10,
        )
    };
    assert!(viewer(&relations));
    relations.muting.insert(
        3,
        Mute {
            id: 1,
            account_id: 2,
            target_id: 3,
            notifications: true,
            created_at: 0,
            expires_at: Some(9),
        },
    );
    assert!(viewer(&relations), "an expired mute is none");
    relations.muting.get_mut(&3).unwrap().expires_at = None;
    assert!(!viewer(&relations));
    relations.muting.clear();
    relations.blocking.insert(1);
    assert!(!viewer(&relations));
}

#[test]
fn what_waits_is_seen_by_who_decides_alone() {
    let none = Relations::default();
    let sees = |visibility: i16, viewer: Option<i64>| {
        let row = Status {
            visibility,
            in_reply_to_account_id: Some(3),
            ..status(1, Visibility::Public)
        };
        let viewer = viewer.map(|account_id| Viewer {
            account_id,
            relations: &none,
        });
        // Whom it mentions is nobody to it yet.
        can_see(&row, &account(1), &[2, 3], true, viewer)
    };
    for wanted_later in ALL {
        let number = wanted_later as i16;
        for (more, decides) in [(PENDING, true), (REFUSED, false)] {
            let visibility = number + more;
            assert!(waits(visibility) && !waits(number));
            assert_eq!(wanted(visibility), wanted_later);
            assert_eq!(Visibility::from_db(visibility), Visibility::Direct);
            let seen = [None, Some(1), Some(2), Some(3)].map(|who| sees(visibility, who));
            assert_eq!(seen, [false, true, false, decides]);
        }
    }
}
