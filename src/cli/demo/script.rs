//! Who lives on the demo's servers and what they do, in order.

use std::collections::HashMap;
use std::io::Cursor;
use std::time::Duration;

use serde_json::{Value, json};

/// Everyone's: they live for an hour on a loopback address.
const PASSWORD: &str = "kith-demo-2026";
/// How long something may take to come over from the other server.
const PATIENCE: Duration = Duration::from_secs(20);

/// Someone on one of the servers.
struct Person {
    name: &'static str,
    /// 0 or 1.
    server: usize,
    display_name: &'static str,
    bio: &'static str,
    /// Of the avatar: red, green, blue.
    colour: [u8; 3],
}

const PEOPLE: [Person; 6] = [
    Person {
        name: "alice",
        server: 0,
        display_name: "Alice Liddell",
        bio: "Harbour walks, sourdough and far too many gulls.",
        colour: [0x2a, 0x9d, 0x8f],
    },
    Person {
        name: "bob",
        server: 0,
        display_name: "Bob Ferris",
        bio: "Bicycles, and the hills that come with them.",
        colour: [0xe7, 0x6f, 0x51],
    },
    Person {
        name: "carol",
        server: 0,
        display_name: "Carol Danvers-Lee",
        bio: "Night train enthusiast. Reads timetables for fun.",
        colour: [0x45, 0x7b, 0x9d],
    },
    Person {
        name: "dave",
        server: 1,
        display_name: "Dave Okafor",
        bio: "Allotment, chess, and a very old dog.",
        colour: [0x8a, 0xb1, 0x7d],
    },
    Person {
        name: "erin",
        server: 1,
        display_name: "Erin Vogel",
        bio: "I take pictures of fog. #fog #dawn",
        colour: [0xb5, 0x83, 0x8d],
    },
    Person {
        name: "frank",
        server: 1,
        display_name: "Frank Moreau",
        bio: "Cooks for many. Washes up for none.",
        colour: [0xe9, 0xc4, 0x6a],
    },
];

/// Something that someone does. Posts are known by the word they are given.
enum Deed {
    Follow(&'static str),
    Post(&'static str, &'static str),
    /// A picture, with its description.
    Picture(&'static str, &'static str, &'static str),
    /// A new post, what it answers, and its text.
    Answer(&'static str, &'static str, &'static str),
    Like(&'static str),
    Boost(&'static str),
}

use Deed::{Answer, Boost, Follow, Like, Picture, Post};

const SCRIPT: &[(&str, Deed)] = &[
    ("alice", Follow("erin")),
    ("bob", Follow("alice")),
    ("erin", Follow("alice")),
    ("dave", Follow("alice")),
    ("carol", Follow("dave")),
    ("frank", Follow("bob")),
    ("alice", Follow("bob")),
    ("dave", Follow("carol")),
    (
        "erin",
        Picture(
            "fog",
            "Nobody on the pier but me and the #fog. #dawn",
            "A pier that ends in orange mist over dark water",
        ),
    ),
    ("alice", Like("fog")),
    ("alice", Boost("fog")),
    (
        "alice",
        Answer("early", "fog", "This is lovely. How early were you there?"),
    ),
    ("bob", Like("fog")),
    (
        "erin",
        Answer("five", "early", "Five. With a thermos, and no regrets."),
    ),
    (
        "bob",
        Post(
            "hill",
            "Forty kilometres, one puncture, two slices of cake. Fair. #cycling",
        ),
    ),
    ("frank", Answer("cake", "hill", "What cake, though?")),
    (
        "bob",
        Answer("carrot", "cake", "Carrot. There is no other on a bicycle."),
    ),
    ("alice", Like("hill")),
    (
        "dave",
        Post(
            "dog",
            "The dog has found the warm spot behind the oven and will not discuss it.",
        ),
    ),
    ("carol", Like("dog")),
    ("carol", Boost("dog")),
    (
        "carol",
        Post(
            "train",
            "The sleeper to the coast runs again from Friday. I have made a spreadsheet. #trains",
        ),
    ),
    ("dave", Boost("train")),
    (
        "dave",
        Answer("sheet", "train", "Of course you have. May I see it?"),
    ),
    (
        "carol",
        Answer("share", "sheet", "You may. There are tabs."),
    ),
    ("erin", Like("train")),
    ("alice", Post("end", "Good evening to both harbours.")),
];

/// Someone who signed up.
struct Member {
    server: usize,
    token: String,
}

/// The demo as it goes on.
struct Play<'a> {
    http: reqwest::Client,
    addresses: [&'a str; 2],
    urls: [&'a str; 2],
    members: HashMap<&'static str, Member>,
    /// Where each post can be found, from either server.
    posts: HashMap<&'static str, String>,
}

type Done<T> = Result<T, String>;

/// Fills both servers. `addresses` are where to call them, `urls` what they call themselves.
pub async fn play(addresses: [&str; 2], urls: [&str; 2], pace: Duration) -> Done<()> {
    #[expect(
        clippy::disallowed_methods,
        reason = "it calls the demo's own servers alone, as an app would"
    )]
    let http = reqwest::Client::builder()
        .no_proxy()
        .build()
        .map_err(|e| e.to_string())?;
    let mut play = Play {
        http,
        addresses,
        urls,
        members: HashMap::new(),
        posts: HashMap::new(),
    };
    play.awake().await?;
    println!("Two servers are running:\n\n  {}\n  {}\n", urls[0], urls[1]);
    play.people().await?;
    println!("Sign in with any Mastodon app, or look around with a browser:\n");
    for person in &PEOPLE {
        println!(
            "  {:<6} {}@demo.example  {PASSWORD}  {}/@{}",
            person.name, person.name, urls[person.server], person.name
        );
    }
    println!("\nThey are talking now. Ctrl-C ends the demo, and nothing of it is kept.");
    for (who, deed) in SCRIPT {
        if let Err(error) = play.act(who, deed).await {
            eprintln!("demo: {who}: {error}");
        }
        tokio::time::sleep(pace).await;
    }
    println!("They have said what they had to say; the servers keep running.");
    Ok(())
}

impl Play<'_> {
    async fn awake(&self) -> Done<()> {
        for address in self.addresses {
            let mut tries = 0;
            while let Err(error) = self.http.get(format!("{address}/health")).send().await {
                tries += 1;
                if tries > 100 {
                    return Err(format!("a server does not answer: {error}"));
                }
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
        Ok(())
    }

    /// Sends a request to a server and reads the JSON it answers.
    async fn call(&self, request: reqwest::RequestBuilder) -> Done<Value> {
        let answer = request.send().await.map_err(|e| e.to_string())?;
        let status = answer.status();
        let body = answer.bytes().await.map_err(|e| e.to_string())?;
        if !status.is_success() {
            let text = String::from_utf8_lossy(&body);
            return Err(format!("{status}: {}", text.trim()));
        }
        serde_json::from_slice(&body).map_err(|e| e.to_string())
    }

    /// Posts JSON, as someone or as nobody.
    async fn post(&self, server: usize, path: &str, token: &str, body: &Value) -> Done<Value> {
        let url = format!("{}{path}", self.addresses[server]);
        let mut request = self
            .http
            .post(url)
            .header("content-type", "application/json")
            .body(body.to_string());
        if !token.is_empty() {
            request = request.bearer_auth(token);
        }
        self.call(request).await
    }

    /// Registers an app on each server, and everyone with it.
    async fn people(&mut self) -> Done<()> {
        let mut apps = Vec::new();
        for server in 0..self.addresses.len() {
            apps.push(self.app(server).await?);
        }
        for (n, person) in PEOPLE.iter().enumerate() {
            let body = json!({
                "username": person.name,
                "email": format!("{}@demo.example", person.name),
                "password": PASSWORD,
                "agreement": true,
                "locale": "en",
            });
            let app = &apps[person.server];
            let answer = self
                .post(person.server, "/api/v1/accounts", app, &body)
                .await?;
            let token = text(&answer, "access_token")?;
            let avatar = picture(160, 160, |x, y| avatar(person.colour, n, x, y))?;
            let fields = [
                ("display_name", person.display_name),
                ("note", person.bio),
                ("indexable", "true"),
            ];
            let (kind, body) = multipart(&fields, ("avatar", avatar));
            let address = self.addresses[person.server];
            let url = format!("{address}/api/v1/accounts/update_credentials");
            let request = self.http.patch(url).header("content-type", kind);
            self.call(request.bearer_auth(&token).body(body)).await?;
            let member = Member {
                server: person.server,
                token,
            };
            self.members.insert(person.name, member);
        }
        Ok(())
    }

    /// An app's own token.
    async fn app(&self, server: usize) -> Done<String> {
        let scopes = "read write follow";
        let oob = "urn:ietf:wg:oauth:2.0:oob";
        let body = json!({"client_name": "Demo", "redirect_uris": oob, "scopes": scopes});
        let app = self.post(server, "/api/v1/apps", "", &body).await?;
        let body = json!({
            "grant_type": "client_credentials",
            "client_id": text(&app, "client_id")?,
            "client_secret": text(&app, "client_secret")?,
            "redirect_uri": oob,
            "scope": scopes,
        });
        let token = self.post(server, "/oauth/token", "", &body).await?;
        text(&token, "access_token")
    }

    async fn act(&mut self, who: &str, deed: &Deed) -> Done<()> {
        let member = self.members.get(who).ok_or("nobody of that name")?;
        let (server, token) = (member.server, member.token.clone());
        match deed {
            Follow(whom) => {
                let home = self.members.get(whom).ok_or("nobody of that name")?.server;
                let domain = self.urls[home].trim_start_matches("http://");
                let handle = format!("@{whom}@{domain}");
                let id = self.find(server, &token, &handle, "accounts").await?;
                let path = format!("/api/v1/accounts/{id}/follow");
                self.post(server, &path, &token, &json!({})).await?;
            }
            Post(word, text) => {
                let body = json!({"status": text});
                self.publish(server, &token, word, &body).await?;
            }
            Picture(word, text, description) => {
                let file = picture(640, 400, sea)?;
                let (kind, body) = multipart(&[("description", description)], ("file", file));
                let url = format!("{}/api/v2/media", self.addresses[server]);
                let request = self.http.post(url).header("content-type", kind);
                let media = self.call(request.bearer_auth(&token).body(body)).await?;
                let body = json!({"status": text, "media_ids": [media["id"]]});
                self.publish(server, &token, word, &body).await?;
            }
            Answer(word, what, text) => {
                let id = self.find_post(server, &token, what).await?;
                let url = format!("{}/api/v1/statuses/{id}", self.addresses[server]);
                let parent = self.call(self.http.get(url).bearer_auth(&token)).await?;
                // As apps do: whoever is answered is named.
                let acct = parent["account"]["acct"].as_str().unwrap_or_default();
                let body = json!({"status": format!("@{acct} {text}"), "in_reply_to_id": id});
                self.publish(server, &token, word, &body).await?;
            }
            Like(what) | Boost(what) => {
                let id = self.find_post(server, &token, what).await?;
                let verb = match deed {
                    Like(_) => "favourite",
                    _ => "reblog",
                };
                let path = format!("/api/v1/statuses/{id}/{verb}");
                self.post(server, &path, &token, &json!({})).await?;
            }
        }
        Ok(())
    }

    async fn publish(
        &mut self,
        server: usize,
        token: &str,
        word: &'static str,
        body: &Value,
    ) -> Done<()> {
        let status = self.post(server, "/api/v1/statuses", token, body).await?;
        self.posts.insert(word, text(&status, "uri")?);
        Ok(())
    }

    async fn find_post(&self, server: usize, token: &str, word: &str) -> Done<String> {
        let uri = self.posts.get(word).ok_or("there is no such post")?;
        self.find(server, token, uri, "statuses").await
    }

    /// The id that a server has for a handle or an address; it may have to look it up elsewhere.
    async fn find(&self, server: usize, token: &str, what: &str, kind: &str) -> Done<String> {
        let query: String = form_urlencoded::Serializer::new(String::new())
            .extend_pairs([("q", what), ("resolve", "true"), ("type", kind)])
            .finish();
        let url = format!("{}/api/v2/search?{query}", self.addresses[server]);
        let look = async {
            loop {
                let found = self.call(self.http.get(&url).bearer_auth(token)).await?;
                if let Some(id) = found[kind][0]["id"].as_str() {
                    return Ok(id.to_owned());
                }
                tokio::time::sleep(Duration::from_millis(500)).await;
            }
        };
        tokio::time::timeout(PATIENCE, look)
            .await
            .unwrap_or_else(|_| Err(format!("{what} was not found")))
    }
}

fn text(value: &Value, name: &str) -> Done<String> {
    value[name]
        .as_str()
        .map(str::to_owned)
        .ok_or_else(|| format!("the answer has no {name}"))
}

/// A multipart body with some fields and a PNG: its content type, and its bytes.
fn multipart(fields: &[(&str, &str)], (field, png): (&str, Vec<u8>)) -> (&'static str, Vec<u8>) {
    let mut body = Vec::new();
    for (name, value) in fields {
        let part =
            format!("--demo\r\ncontent-disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n");
        body.extend_from_slice(part.as_bytes());
    }
    let head = format!(
        "--demo\r\ncontent-disposition: form-data; name=\"{field}\"; filename=\"picture.png\"\r\n\
         content-type: image/png\r\n\r\n"
    );
    body.extend_from_slice(head.as_bytes());
    body.extend_from_slice(&png);
    body.extend_from_slice(b"\r\n--demo--\r\n");
    ("multipart/form-data; boundary=demo", body)
}

/// A PNG, painted pixel by pixel.
fn picture(width: u32, height: u32, paint: impl Fn(f32, f32) -> [u8; 3]) -> Done<Vec<u8>> {
    let picture = image::RgbImage::from_fn(width, height, |x, y| {
        image::Rgb(paint(x as f32 / width as f32, y as f32 / height as f32))
    });
    let mut bytes = Cursor::new(Vec::new());
    picture
        .write_to(&mut bytes, image::ImageFormat::Png)
        .map_err(|e| e.to_string())?;
    Ok(bytes.into_inner())
}

/// Rings in shades of one colour, set differently for each.
fn avatar(colour: [u8; 3], n: usize, x: f32, y: f32) -> [u8; 3] {
    let (cx, cy) = (0.25 + 0.1 * n as f32, 0.75 - 0.1 * n as f32);
    let ring = ((x - cx).hypot(y - cy) * 7.0) as u32 % 2;
    let shade = if ring == 0 { 1.0 } else { 0.8 };
    colour.map(|c| (f32::from(c) * shade) as u8)
}

/// Mist over water.
fn sea(x: f32, y: f32) -> [u8; 3] {
    let mix = |a: [f32; 3], b: [f32; 3], t: f32| -> [u8; 3] {
        std::array::from_fn(|n| (a[n] + (b[n] - a[n]) * t.clamp(0.0, 1.0)) as u8)
    };
    if y < 0.62 {
        mix([250.0, 180.0, 120.0], [225.0, 150.0, 160.0], y / 0.62)
    } else {
        let wave = ((x * 40.0 + y * 90.0).sin() * 0.5 + 0.5) * 0.25;
        mix(
            [90.0, 110.0, 130.0],
            [30.0, 50.0, 70.0],
            (y - 0.62) * 2.6 - wave,
        )
    }
}
