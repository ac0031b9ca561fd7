//! The OpenAPI document and the router do not drift apart: `docs/api/routes.tsv` names every
//! route, and nothing else.

use std::collections::BTreeSet;

/// Methods and paths of the router, which tells them nowhere but in its `Debug` form.
fn routed() -> BTreeSet<(String, String)> {
    let text = format!("{:?}", kith::http::routes());
    // What follows is a second router, with numbers of its own.
    let text = text.split("fallback_router").next().unwrap();
    let by_id = |text: &str| -> Option<(u32, usize)> {
        let rest = text.strip_prefix("RouteId(")?;
        let (id, _) = rest.split_once("): ")?;
        Some((id.parse().ok()?, "RouteId(): ".len() + id.len()))
    };
    let mut paths = std::collections::HashMap::new();
    let mut methods = Vec::new();
    for (at, _) in text.match_indices("RouteId(") {
        let Some((id, length)) = by_id(&text[at..]) else {
            continue;
        };
        let rest = &text[at + length..];
        if let Some(path) = rest.strip_prefix('"').and_then(|r| r.split('"').next()) {
            paths.insert(id, path.to_owned());
        } else if let Some(fields) = rest.strip_prefix("MethodRouter(MethodRouter { ") {
            let fields = fields.split(", fallback:").next().unwrap();
            for field in fields.split(", ") {
                let (method, endpoint) = field.split_once(": ").unwrap();
                if endpoint != "None" {
                    methods.push((id, method.to_uppercase()));
                }
            }
        }
    }
    methods
        .into_iter()
        .filter_map(|(id, method)| Some((method, paths.get(&id)?.clone())))
        // What no route matches goes to the fallback, which is none.
        .filter(|(_, path)| !path.contains("__private__"))
        .collect()
}

#[test]
fn routes_tsv_names_every_route_and_nothing_else() {
    let routed = routed();
    assert!(
        routed.len() > 90,
        "the router is not told any more: {}",
        routed.len()
    );
    let listed: BTreeSet<(String, String)> = include_str!("../../../docs/api/routes.tsv")
        .lines()
        .filter_map(|line| line.split_once('\t'))
        .map(|(method, path)| (method.to_owned(), path.to_owned()))
        .collect();
    let line = |(method, path): &(String, String)| format!("{method}\t{path}");
    let missing: Vec<String> = routed.difference(&listed).map(line).collect();
    let surplus: Vec<String> = listed.difference(&routed).map(line).collect();
    assert!(
        missing.is_empty(),
        "add to docs/api/routes.tsv:\n{}",
        missing.join("\n")
    );
    assert!(
        surplus.is_empty(),
        "take out of docs/api/routes.tsv:\n{}",
        surplus.join("\n")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_document_and_its_pages_are_served() {
    let server = crate::support::Server::start().await;
    let answer = server.get_public("/api/openapi.json").await;
    let document = answer.ok();
    assert_eq!(document["openapi"], "3.1.0");
    assert_eq!(document["servers"][0]["url"], server.url);
    assert!(document["paths"]["/api/v1/statuses"]["post"]["requestBody"].is_object());
    for page in ["/api/docs", "/api/redoc"] {
        let answer = server.get_public(page).await;
        assert_eq!(answer.status, 200);
        let policy = answer.headers["content-security-policy"].to_str().unwrap();
        assert!(policy.contains("script-src 'self';"), "{policy}");
        for part in answer.text.split("\"/api/docs/").skip(1) {
            let name = part.split('"').next().unwrap();
            let file = server.http.get(format!("{}/api/docs/{name}", server.url));
            let file = file.send().await.unwrap();
            assert_eq!(file.status(), 200, "{name}");
            assert!(
                file.headers()["cache-control"]
                    .to_str()
                    .unwrap()
                    .contains("max-age")
            );
            let bytes = file.bytes().await.unwrap();
            assert!(bytes.len() > 100, "{name}");
        }
    }
    let missing = server.get_public("/api/docs/nothing.js").await;
    missing.refused(404);
}
