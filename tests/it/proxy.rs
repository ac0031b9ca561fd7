//! `/media/proxy`: files from elsewhere.

use serde_json::{Value, json};

use crate::support::peer::{Delivery, Page, Peer, eventually};
use crate::support::{Person, Server, database};

/// Noise, so that it does not compress.
fn png(side: u32) -> Vec<u8> {
    let mut seed = 7_u32;
    let picture = image::RgbImage::from_fn(side, side, |_, _| {
        seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let [a, b, c, _] = seed.to_be_bytes();
        image::Rgb([a, b, c])
    });
    let mut bytes = std::io::Cursor::new(Vec::new());
    picture
        .write_to(&mut bytes, image::ImageFormat::Png)
        .unwrap();
    bytes.into_inner()
}

struct World {
    server: Server,
    peer: Peer,
    alice: Person,
}

impl World {
    async fn start(settings: &[(&str, &str)]) -> World {
        let (server, peer) = (Server::start_with(settings).await, Peer::start().await);
        let alice = server.person("alice").await;
        let picture =
            |path: &str| json!({"type": "Image", "url": format!("{}{path}", peer.origin)});
        peer.add_actor_with(
            "good",
            json!({"icon": picture("/avatar"), "image": picture("/header")}),
        );
        World {
            server,
            peer,
            alice,
        }
    }

    /// A status from the peer with a file at each of these paths.
    async fn status(&self, files: &[&str]) -> Value {
        let mut note = self.peer.note("good", "1", "look :blob:");
        let url = |path: &str| match path.starts_with('/') {
            true => format!("{}{path}", self.peer.origin),
            false => path.to_owned(),
        };
        note["attachment"] = files
            .iter()
            .map(|path| json!({"type": "Document", "mediaType": "image/png", "url": url(path)}))
            .collect();
        note["tag"] = json!([{"type": "Emoji", "name": ":blob:", "icon": {"type": "Image", "url": url("/blob")}}]);
        let id = note["id"].as_str().unwrap().to_owned();
        self.peer.serve("/notes/1", Page::Document(note));
        let path = format!("/api/v2/search?q={id}&resolve=true&type=statuses");
        let found = self.server.get(&self.alice, &path).await.entity("Search");
        found["statuses"][0].clone()
    }

    /// Asks for an address of ours.
    async fn get(&self, url: &Value) -> reqwest::Response {
        let url = url.as_str().expect("an address");
        assert!(url.starts_with(&self.server.url), "{url} is not ours");
        self.server.http.get(url).send().await.unwrap()
    }
}

fn header<'a>(response: &'a reqwest::Response, name: &str) -> &'a str {
    response
        .headers()
        .get(name)
        .map_or("", |value| value.to_str().unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn files_from_elsewhere_are_shown_by_copies_of_ours() {
    let world = World::start(&[]).await;
    for path in ["/a.png", "/avatar", "/header", "/blob"] {
        world.peer.serve(path, Page::File("text/html", png(40)));
    }
    let status = world.status(&["/a.png"]).await;
    let (media, account) = (&status["media_attachments"][0], &status["account"]);
    assert_eq!(media["remote_url"], format!("{}/a.png", world.peer.origin));
    assert_eq!(
        world.peer.asked("/a.png"),
        0,
        "nothing is fetched before it is asked for"
    );
    for url in [
        &media["url"],
        &media["preview_url"],
        &account["avatar"],
        &account["avatar_static"],
        &account["header"],
        &status["emojis"][0]["url"],
        &status["emojis"][0]["static_url"],
    ] {
        let answer = world.get(url).await;
        assert_eq!(answer.status(), 200, "{url}");
        let kind = header(&answer, "content-type").to_owned();
        assert!(
            matches!(kind.as_str(), "image/png" | "image/jpeg"),
            "{kind}"
        );
        assert_eq!(header(&answer, "x-content-type-options"), "nosniff");
        assert_eq!(
            header(&answer, "content-security-policy"),
            "default-src 'none'; sandbox"
        );
        assert!(header(&answer, "cache-control").contains("immutable"));
        assert!(image::load_from_memory(&answer.bytes().await.unwrap()).is_ok());
    }
    for path in ["/a.png", "/avatar", "/header", "/blob"] {
        assert_eq!(world.peer.asked(path), 1, "{path} is fetched once");
    }
    let request = world.server.http.get(media["url"].as_str().unwrap());
    let part = request.header("range", "bytes=1-3").send().await.unwrap();
    assert_eq!(part.status(), 206);
    assert_eq!(part.bytes().await.unwrap(), "PNG");
}

#[tokio::test(flavor = "multi_thread")]
async fn however_many_ask_it_is_fetched_once() {
    let world = World::start(&[]).await;
    world.peer.serve("/a.png", Page::File("image/png", png(40)));
    let status = world.status(&["/a.png"]).await;
    let url = &status["media_attachments"][0]["url"];
    let answers = futures::future::join_all((0..30).map(|_| world.get(url))).await;
    assert!(answers.iter().all(|answer| answer.status() == 200));
    assert_eq!(world.peer.asked("/a.png"), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_file_to_show_is_not_asked_for_again() {
    let world = World::start(&[]).await;
    let page = "<!doctype html><script>alert(document.domain)</script>".to_owned();
    world.peer.serve("/page", Page::Raw(200, "image/png", page));
    let activity = json!({"type": "Note", "id": "https://kith.example/x"});
    world.peer.serve("/object", Page::Document(activity));
    world
        .peer
        .serve("/trouble", Page::Raw(500, "text/plain", String::new()));
    world.peer.serve("/endless", Page::Endless);
    let cut = png(40)[..500].to_vec();
    world.peer.serve("/cut", Page::File("image/png", cut));
    let paths = [
        "/page", "/object", "/missing", "/endless", "/cut", "/trouble",
    ];
    let status = world.status(&paths).await;
    for (n, path) in paths.iter().enumerate() {
        for _ in 0..2 {
            let answer = world.get(&status["media_attachments"][n]["url"]).await;
            let expected = if *path == "/trouble" { 502 } else { 404 };
            assert_eq!(answer.status(), expected, "{path}");
            assert!(header(&answer, "content-type").starts_with("application/json"));
            let keep = header(&answer, "cache-control");
            assert!(keep.starts_with("public, max-age="), "{path}: {keep}");
        }
        assert_eq!(world.peer.asked(path), 1, "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_fetched_that_was_not_shown() {
    let world = World::start(&[]).await;
    world.peer.serve("/blob", Page::File("image/png", png(20)));
    world.peer.serve("/a.png", Page::File("image/png", png(20)));
    let status = world.status(&["/a.png"]).await;
    let emoji = status["emojis"][0]["url"].as_str().unwrap();
    let (front, encoded) = emoji.rsplit_once('/').unwrap();
    let (front, signature) = front.rsplit_once('/').unwrap();
    let id = status["media_attachments"][0]["id"].as_str().unwrap();
    let account = status["account"]["id"].as_str().unwrap();
    let at = |rest: String| format!("{}/media/proxy/{rest}", world.server.url);
    for url in [
        format!("{front}/AAAAAAAAAAAAAAAA/{encoded}"),
        format!("{front}/{signature}/{encoded}A"),
        at(format!("emoji-static/{signature}/{encoded}")),
        at(format!("media/{id}/original")),
        at(format!("media/{id}-{signature}/original")),
        at("avatar/1/x".to_owned()),
        at(format!("banner/{account}/x")),
        at("media/x/original".to_owned()),
    ] {
        let answer = world.server.http.get(&url).send().await.unwrap();
        assert_eq!(answer.status(), 404, "{url}");
    }
    assert_eq!(world.peer.asked("/blob") + world.peer.asked("/a.png"), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_domain_whose_media_is_rejected_shows_none() {
    let world = World::start(&[]).await;
    world.peer.serve("/a.png", Page::File("image/png", png(20)));
    world
        .peer
        .serve("/avatar", Page::File("image/png", png(20)));
    let status = world.status(&["/a.png"]).await;
    let urls = [
        &status["media_attachments"][0]["url"],
        &status["account"]["avatar"],
    ];
    assert_eq!(world.get(urls[0]).await.status(), 200);
    let (ctx, domain) = (world.server.app.ctx.clone(), world.peer.domain().to_owned());
    world
        .server
        .app
        .write(move |tx| {
            Box::pin(async move {
                let policy =
                    kith::domain::policies::set(tx, &ctx, &domain, "limit", "", "").await?;
                kith::domain::policies::reject_media(tx, &policy.domain, true).await
            })
        })
        .await
        .unwrap();
    for url in urls {
        assert_eq!(world.get(url).await.status(), 404, "{url}");
    }
    assert_eq!(world.peer.asked("/avatar"), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn copies_give_way_when_there_are_too_many() {
    let world = World::start(&[("KITH_MEDIA_REMOTE_LIMIT", "40KiB")]).await;
    let paths = ["/1", "/2", "/3", "/4"];
    for path in paths {
        // Some 20 kB, with the thumbnail.
        world.peer.serve(path, Page::File("image/png", png(60)));
    }
    let status = world.status(&paths).await;
    let url = |n: usize| &status["media_attachments"][n]["url"];
    for n in 0..4 {
        assert_eq!(world.get(url(n)).await.status(), 200);
    }
    kith::jobs::remote_files::pass(&world.server.app)
        .await
        .unwrap();
    eventually(
        "what is counted is what is there, within the limit",
        async || {
            let total = world
                .server
                .app
                .read(|c| Box::pin(async move { Ok(kith::db::remote_files::total(c).await?) }))
                .await
                .unwrap();
            let there = bytes_below(&world.server.data_dir().join("media/remote"));
            (there == total && total > 0 && total <= 40 << 10).then_some(())
        },
    )
    .await;
    assert_eq!(world.get(url(3)).await.status(), 200);
    assert_eq!(world.peer.asked("/4"), 1, "the newest is still there");
    assert_eq!(world.get(url(0)).await.status(), 200);
    assert_eq!(world.peer.asked("/1"), 2, "the oldest is fetched again");
}

fn bytes_below(dir: &std::path::Path) -> i64 {
    std::fs::read_dir(dir)
        .into_iter()
        .flatten()
        .filter_map(Result::ok)
        .map(|entry| match entry.metadata() {
            Ok(data) if data.is_dir() => bytes_below(&entry.path()),
            Ok(data) => data.len() as i64,
            Err(_) => 0,
        })
        .sum()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_that_was_lost_is_made_again() {
    let world = World::start(&[]).await;
    world.peer.serve("/a.png", Page::File("image/png", png(20)));
    let status = world.status(&["/a.png"]).await;
    let url = &status["media_attachments"][0]["url"];
    assert_eq!(world.get(url).await.status(), 200);
    std::fs::remove_dir_all(world.server.data_dir().join("media/remote")).unwrap();
    assert_eq!(world.get(url).await.status(), 200);
    assert_eq!(world.peer.asked("/a.png"), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_copies_of_a_deleted_status_are_deleted() {
    let world = World::start(&[]).await;
    world.peer.serve("/a.png", Page::File("image/png", png(20)));
    let status = world.status(&["/a.png"]).await;
    let url = &status["media_attachments"][0]["url"];
    assert_eq!(world.get(url).await.status(), 200);
    let (actor, note) = (world.peer.actor_uri("good"), &status["uri"]);
    let delete = json!({
        "@context": "https://www.w3.org/ns/activitystreams",
        "id": format!("{actor}#delete"), "type": "Delete", "actor": actor, "object": note,
    });
    let answer = Delivery::by(&actor).send(&world.server, &delete).await;
    assert_eq!(answer.status, 202);
    eventually("the attachment is not shown any more", async || {
        (world.get(url).await.status() == 404).then_some(())
    })
    .await;
    let id = status["media_attachments"][0]["id"].as_str().unwrap();
    let app = &world.server.app;
    // As it would be a day later.
    let by = 2 * kith::clock::DAY;
    let older = format!("UPDATE media SET created_at = created_at - {by} WHERE id = {id}");
    database::change(&app.config.database_url, &older).await;
    kith::jobs::cleanup::pass(app).await.unwrap();
    assert_eq!(
        bytes_below(&world.server.data_dir().join("media/remote")),
        0
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_down_is_told_apart_and_left_alone() {
    let world = World::start(&[]).await;
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let down = format!("http://{}", free.local_addr().unwrap());
    drop(free);
    let (one, two) = (format!("{down}/1.png"), format!("{down}/2.png"));
    let status = world.status(&[&one, &two]).await;
    for n in 0..2 {
        let answer = world.get(&status["media_attachments"][n]["url"]).await;
        assert_eq!(answer.status(), 502);
        assert!(header(&answer, "cache-control").starts_with("public, max-age="));
    }
}
