//! `/api/v1/push/subscription`, and what reaches the push service.

use std::sync::{Arc, Mutex};

use aws_lc_rs::aead::{AES_128_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::agreement::{ECDH_P256, PrivateKey, UnparsedPublicKey, agree};
use aws_lc_rs::hkdf::{HKDF_SHA256, KeyType, Salt};
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED, UnparsedPublicKey as Verifier};
use axum::Router;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use bytes::Bytes;
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::peer::eventually;
use crate::support::{Person, Server};

const PATH: &str = "/api/v1/push/subscription";

/// What came, by the path it came to.
type Came = Arc<Mutex<Vec<(String, HeaderMap, Bytes)>>>;

/// A push service: `/gone` answers 410, `/busy` answers 503 at first, all else 201.
struct Service {
    origin: String,
    came: Came,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for Service {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn take(
    State(came): State<Came>,
    Path(path): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> StatusCode {
    let mut came = came.lock().unwrap();
    let again = came.iter().any(|(known, _, _)| *known == path);
    came.push((path.clone(), headers, body));
    match path.as_str() {
        "gone" => StatusCode::GONE,
        "busy" if !again => StatusCode::SERVICE_UNAVAILABLE,
        _ => StatusCode::CREATED,
    }
}

impl Service {
    async fn start() -> Service {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let origin = format!("http://localhost:{}", listener.local_addr().unwrap().port());
        let came = Came::default();
        let router = Router::new()
            .route("/{path}", post(take))
            .with_state(came.clone());
        let task = tokio::spawn(async move {
            let _ = axum::serve(listener, router).await;
        });
        Service { origin, came, task }
    }

    /// The first message that came to a path.
    async fn message(&self, path: &str) -> (HeaderMap, Bytes) {
        eventually("a message arrives", async || {
            let came = self.came.lock().unwrap();
            came.iter()
                .find(|(to, _, _)| to == path)
                .map(|(_, headers, body)| (headers.clone(), body.clone()))
        })
        .await
    }

    fn count(&self) -> usize {
        self.came.lock().unwrap().len()
    }
}

/// A browser: it has keys and can read what is sent to it.
struct Browser {
    key: PrivateKey,
    point: Vec<u8>,
    secret: [u8; 16],
}

struct Length(usize);

impl KeyType for Length {
    fn len(&self) -> usize {
        self.0
    }
}

fn derive<const N: usize>(salt: &[u8], input: &[u8], info: &[&[u8]]) -> [u8; N] {
    let mut out = [0; N];
    Salt::new(HKDF_SHA256, salt)
        .extract(input)
        .expand(info, Length(N))
        .unwrap()
        .fill(&mut out)
        .unwrap();
    out
}

fn open(key: [u8; 16], nonce: [u8; 12], sealed: &[u8]) -> Vec<u8> {
    let key = LessSafeKey::new(UnboundKey::new(&AES_128_GCM, &key).unwrap());
    let mut text = sealed.to_vec();
    key.open_in_place(Nonce::assume_unique_for_key(nonce), Aad::empty(), &mut text)
        .expect("it is encrypted for this browser")
        .to_vec()
}

impl Browser {
    fn new() -> Browser {
        let key = PrivateKey::generate(&ECDH_P256).unwrap();
        let point = key.compute_public_key().unwrap().as_ref().to_vec();
        Browser {
            key,
            point,
            secret: *b"sixteen bytes of",
        }
    }

    fn shared(&self, sender: &[u8]) -> Vec<u8> {
        let peer = UnparsedPublicKey::new(&ECDH_P256, sender);
        agree(&self.key, peer, (), |secret| Ok(secret.to_vec())).unwrap()
    }

    fn subscription(&self, endpoint: &str, standard: bool) -> Value {
        json!({
            "endpoint": endpoint,
            "standard": standard,
            "keys": {"p256dh": BASE64.encode(&self.point), "auth": BASE64.encode(self.secret)},
        })
    }

    /// RFC 8291.
    fn read(&self, body: &[u8]) -> Value {
        let (salt, rest) = body.split_at(16);
        let length = usize::from(rest[4]);
        let (sender, sealed) = rest[5..].split_at(length);
        let info: [&[u8]; 3] = [b"WebPush: info\0", &self.point, sender];
        let input: [u8; 32] = derive(&self.secret, &self.shared(sender), &info);
        let key = derive(salt, &input, &[b"Content-Encoding: aes128gcm\0"]);
        let nonce = derive(salt, &input, &[b"Content-Encoding: nonce\0"]);
        let mut text = open(key, nonce, sealed);
        assert_eq!(text.pop(), Some(2));
        serde_json::from_slice(&text).unwrap()
    }

    /// Its fourth draft.
    fn read_old(&self, headers: &HeaderMap, body: &[u8]) -> Value {
        let part = |header: &str, name: &str| {
            let value = headers[header].to_str().unwrap();
            let value = value
                .split([';', ','])
                .find_map(|part| part.trim().strip_prefix(name));
            BASE64.decode(value.unwrap()).unwrap()
        };
        let salt = part("encryption", "salt=");
        let sender = part("crypto-key", "dh=");
        let auth: [&[u8]; 1] = [b"Content-Encoding: auth\0"];
        let input: [u8; 32] = derive(&self.secret, &self.shared(&sender), &auth);
        let info = |name: &'static [u8]| -> [&[u8]; 6] {
            [name, b"P-256\0", b"\0\x41", &self.point, b"\0\x41", &sender]
        };
        let key = derive(&salt, &input, &info(b"Content-Encoding: aesgcm\0"));
        let nonce = derive(&salt, &input, &info(b"Content-Encoding: nonce\0"));
        let text = open(key, nonce, body);
        assert_eq!(text[..2], [0, 0]);
        serde_json::from_slice(&text[2..]).unwrap()
    }
}

/// Checks the token by which the server says who it is.
fn check_token(token: &str, key: &str, origin: &str) {
    let (signed, signature) = token.rsplit_once('.').unwrap();
    Verifier::new(&ECDSA_P256_SHA256_FIXED, BASE64.decode(key).unwrap())
        .verify(signed.as_bytes(), &BASE64.decode(signature).unwrap())
        .expect("signed with the key that clients know");
    let claims = BASE64.decode(signed.split_once('.').unwrap().1).unwrap();
    let claims: Value = serde_json::from_slice(&claims).unwrap();
    assert_eq!(claims["aud"], origin);
    assert!(claims["sub"].as_str().unwrap().starts_with("http"));
}

async fn subscribe(server: &Server, person: &Person, body: Value) -> Value {
    server
        .post(person, PATH, body)
        .await
        .entity("WebPushSubscription")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_browser_can_read_what_it_is_sent() {
    let (server, service, browser) = (
        Server::start().await,
        Service::start().await,
        Browser::new(),
    );
    let (alice, bob) = (server.person("alice").await, server.person("bob").await);
    let about = server.get_public("/api/v2/instance").await.ok();
    let key = about["configuration"]["vapid"]["public_key"].clone();
    let app = server
        .send(
            Method::POST,
            "/api/v1/apps",
            None,
            Some(&json!({"client_name": "x", "redirect_uris": "urn:ietf:wg:oauth:2.0:oob"})),
        )
        .await
        .ok();
    assert_eq!(app["vapid_key"], key);
    for standard in [true, false] {
        let path = if standard { "new" } else { "old" };
        let endpoint = format!("{}/{path}", service.origin);
        let made = subscribe(
            &server,
            &alice,
            json!({
                "subscription": browser.subscription(&endpoint, standard),
                "data": {"alerts": {"mention": true}},
            }),
        )
        .await;
        assert_eq!(made["server_key"], key);
        assert_eq!(made["standard"], standard);
        server.status(&bob, &format!("@alice hello {path}")).await;
        let (headers, body) = service.message(path).await;
        let key = key.as_str().unwrap();
        let authorization = headers["authorization"].to_str().unwrap();
        let read = if standard {
            let (token, shown) = authorization
                .strip_prefix("vapid t=")
                .and_then(|rest| rest.split_once(", k="))
                .unwrap();
            assert_eq!(shown, key);
            check_token(token, key, &service.origin);
            assert_eq!(headers["content-encoding"], "aes128gcm");
            browser.read(&body)
        } else {
            let token = authorization.strip_prefix("WebPush ").unwrap();
            check_token(token, key, &service.origin);
            assert_eq!(headers["content-encoding"], "aesgcm");
            browser.read_old(&headers, &body)
        };
        assert!(headers["ttl"].to_str().unwrap().parse::<u32>().unwrap() > 3600);
        assert_eq!(read["notification_type"], "mention");
        assert_eq!(read["preferred_locale"], "en");
        assert_eq!(read["title"], "bob mentioned you");
        assert!(read["body"].as_str().unwrap().contains("hello"));
        // The token and the id lead to the notification.
        let path = format!(
            "/api/v1/notifications/{}",
            read["notification_id"].as_str().unwrap()
        );
        let token = read["access_token"].as_str();
        let notification = server.send(Method::GET, &path, token, None).await;
        assert_eq!(notification.entity("Notification")["type"], "mention");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn alerts_and_policy_decide_what_is_pushed() {
    let (server, service, browser) = (
        Server::start().await,
        Service::start().await,
        Browser::new(),
    );
    let (alice, bob, carol) = (
        server.person("alice").await,
        server.person("bob").await,
        server.person("carol").await,
    );
    let follow = format!("/api/v1/accounts/{}/follow", carol.id());
    server.post(&alice, &follow, json!({})).await.ok();
    let endpoint = format!("{}/all", service.origin);
    let body = json!({
        "subscription": browser.subscription(&endpoint, true),
        "data": {"alerts": {"favourite": true}, "policy": "followed"},
    });
    let made = subscribe(&server, &alice, body).await;
    assert_eq!(made["policy"], "followed");
    let post = server.status(&alice, "hello").await;
    let like = format!(
        "/api/v1/statuses/{}/favourite",
        post["id"].as_str().unwrap()
    );
    server.post(&bob, &like, json!({})).await.ok();
    server.status(&carol, "@alice hi").await;
    // Both are through when this one, which is wanted, has come.
    server.post(&carol, &like, json!({})).await.ok();
    let (_, body) = service.message("all").await;
    let read = browser.read(&body);
    assert_eq!(
        (&read["notification_type"], &read["title"]),
        (&json!("favourite"), &json!("carol favorited your post"))
    );
    assert_eq!(service.count(), 1);
    let changed = server
        .send(
            Method::PUT,
            PATH,
            Some(&alice.token),
            Some(&json!({"data": {"alerts": {"mention": true}, "policy": "none"}})),
        )
        .await
        .entity("WebPushSubscription");
    assert_eq!(
        (
            &changed["alerts"]["mention"],
            &changed["alerts"]["favourite"]
        ),
        (&json!(true), &json!(false))
    );
    server.status(&carol, "@alice not to be pushed").await;
    server
        .send(
            Method::PUT,
            PATH,
            Some(&alice.token),
            Some(&json!({"data": {"policy": "all"}})),
        )
        .await
        .ok();
    server.status(&bob, "@alice to be pushed").await;
    eventually("it comes", async || (service.count() == 2).then_some(())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_subscription_ends_when_its_service_says_so_and_what_failed_comes_again() {
    let (server, service, browser) = (
        Server::start().await,
        Service::start().await,
        Browser::new(),
    );
    let (alice, bob) = (server.person("alice").await, server.person("bob").await);
    let body = |path: &str| {
        let endpoint = format!("{}/{path}", service.origin);
        json!({
            "subscription": browser.subscription(&endpoint, true),
            "data": {"alerts": {"mention": true}},
        })
    };
    subscribe(&server, &alice, body("gone")).await;
    server.status(&bob, "@alice hi").await;
    eventually("the subscription is gone", async || {
        (server.get(&alice, PATH).await.status == 404).then_some(())
    })
    .await;
    subscribe(&server, &alice, body("busy")).await;
    server.status(&bob, "@alice again").await;
    service.message("busy").await;
    // It waits for its time in the queue, with the reason.
    let error = eventually("the job is put back", async || {
        server
            .app
            .read(|c| Box::pin(async move { Ok(kith::db::jobs::waiting(c, "push", 1).await?) }))
            .await
            .unwrap()
            .pop()
            .filter(|job| !job.last_error.is_empty() && job.leased_until == 0)
            .map(|job| job.last_error)
    })
    .await;
    assert!(error.contains("503"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_makes_no_subscription_is_refused() {
    let server = Server::start_with(&[("KITH_FEDERATION_ALLOW_PRIVATE", "false")]).await;
    let alice = server.person("alice").await;
    let browser = Browser::new();
    server.get(&alice, PATH).await.refused(404);
    let change = json!({"data": {"alerts": {"mention": true}}});
    server
        .send(Method::PUT, PATH, Some(&alice.token), Some(&change))
        .await
        .refused(404);
    for endpoint in [
        "",
        "no address",
        "http://push.example/x",
        "https://127.0.0.1/x",
        "https://user:word@push.example/x",
    ] {
        let body = json!({"subscription": browser.subscription(endpoint, true)});
        server.post(&alice, PATH, body).await.refused(422);
    }
    let mut bad = browser.subscription("https://push.example/x", true);
    bad["keys"]["p256dh"] = json!("AAAA");
    server
        .post(&alice, PATH, json!({"subscription": bad}))
        .await
        .refused(422);
    let body = json!({"subscription": browser.subscription("https://push.example/x", true)});
    let weak = server.token(&alice, "read write").await;
    server
        .send(Method::POST, PATH, Some(&weak), Some(&body))
        .await
        .refused(403);
    let made = subscribe(&server, &alice, body).await;
    assert_eq!(made["alerts"]["mention"], false);
    // One for each token: another token has none.
    let other = server.token(&alice, "push").await;
    server
        .send(Method::GET, PATH, Some(&other), None)
        .await
        .refused(404);
    server
        .send(Method::DELETE, PATH, Some(&alice.token), None)
        .await
        .ok();
    server.get(&alice, PATH).await.refused(404);
}
