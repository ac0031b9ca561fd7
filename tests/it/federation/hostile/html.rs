//! S9: HTML that does something.

use serde_json::json;

use super::{followed, settle};
use crate::support::peer::Delivery;

#[tokio::test(flavor = "multi_thread")]
async fn s9_html_comes_in_clean() {
    let (server, peer, alice) = followed().await;
    let evil = r#"<p onclick="x()">hi <script>alert(1)</script><a href="javascript:x()">a</a><img src=x onerror=y><iframe src="//e"></iframe><style>*{}</style></p>"#;
    let mut note = peer.note("good", "evil", evil);
    note["summary"] = json!("<b>cw</b><script>x</script>");
    let create = peer.create("good", &note);
    assert_eq!(
        Delivery::by(&peer.actor_uri("good"))
            .send(&server, &create)
            .await
            .status,
        202
    );
    let list = settle(&server, &peer, &alice, "end").await;
    let status = list
        .iter()
        .find(|s| s["uri"] == note["id"])
        .expect("it arrived");
    let content = status["content"].as_str().expect("content");
    for bad in [
        "script",
        "onclick",
        "onerror",
        "javascript",
        "iframe",
        "style",
        "<img",
    ] {
        assert!(!content.contains(bad), "{bad} in {content}");
    }
    assert!(content.contains("hi"));
    assert!(
        !status["spoiler_text"]
            .as_str()
            .expect("a text")
            .contains("<script")
    );
    let name = "<img src=x onerror=y>Eve";
    peer.add_actor_with("eve", json!({"name": name, "summary": evil, "attachment": [{"type": "PropertyValue", "name": "<b>n</b>", "value": evil}]}));
    let found = server
        .get(
            &alice,
            &format!("/api/v2/search?q=@eve@{}&resolve=true", peer.domain()),
        )
        .await
        .entity("Search");
    let text = found["accounts"][0].to_string();
    for bad in ["<script", "onclick", "onerror=", "javascript:", "<iframe"] {
        assert!(!text.contains(bad), "{bad} in {text}");
    }
}
