//! A client that hangs up cancels nothing half-way.

use serde_json::json;

use crate::support::Server;
use crate::support::peer::eventually;
use crate::support::server::{ids, with_json};

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_dropped_requests_leave_the_server_writing() {
    let server = Server::start().await;
    let alice = server.person("alice").await;
    let mut requests = Vec::new();
    for n in 0u64..1000 {
        let request = server
            .http
            .post(format!("{}/api/v1/statuses", server.url))
            .bearer_auth(&alice.token);
        let request = with_json(request, &json!({"status": format!("dropped {n}")}));
        // Spread over the whole of a request's life, the same in every run.
        let patience = std::time::Duration::from_micros(n * 7919 % 6000);
        requests.push(tokio::spawn(async move {
            let _ = tokio::time::timeout(patience, request.send()).await;
        }));
        if requests.len() == 50 {
            for request in requests.drain(..) {
                request.await.unwrap();
            }
        }
    }
    for request in requests {
        request.await.unwrap();
    }
    let last = server.status(&alice, "still here").await;
    // What was given up a moment ago may still be on its way.
    eventually(
        "every status that was written was written whole",
        async || {
            let me = server
                .get(&alice, "/api/v1/accounts/verify_credentials")
                .await
                .ok();
            let mut seen = Vec::new();
            let mut next = Some(format!("/api/v1/accounts/{}/statuses?limit=40", alice.id()));
            while let Some(path) = next {
                let page = server.get(&alice, &path).await;
                seen.extend(ids(&page.entities("Status")));
                next = page.link("next");
            }
            assert!(seen.contains(&last["id"].as_str().unwrap().to_owned()));
            (me["statuses_count"] == seen.len()).then_some(())
        },
    )
    .await;
}
