//! Asking several servers at the same time, each of them little.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::Value;
use tokio::sync::Semaphore;
use tokio::time::Instant;

use crate::app::App;
use crate::client::{Budget, Limits};
use crate::db::accounts::Account;
use crate::federation::activities::create::{self, Ready};
use crate::federation::collection::Listed;
use crate::federation::fetch::{self, Error};
use crate::federation::objects::note as notes;
use crate::federation::value::{host, ids, same_origin, text, uri};

/// Requests at a time, and of those to one host.
const AT_ONCE: usize = 8;
const OF_HOST: usize = 3;
/// A host that did not answer so often is not asked again in the same job.
const PATIENCE: usize = 3;

/// What a job asks others with: one budget for all it does.
pub struct Crew<'a> {
    app: &'a App,
    budget: Budget,
    places: Semaphore,
    hosts: Mutex<HashMap<String, Arc<Host>>>,
}

struct Host {
    turns: Semaphore,
    failures: AtomicUsize,
}

impl<'a> Crew<'a> {
    pub fn new(app: &'a App, limits: Limits) -> Crew<'a> {
        Crew {
            app,
            budget: Budget::new(limits),
            places: Semaphore::new(AT_ONCE),
            hosts: Mutex::default(),
        }
    }

    pub fn budget(&self) -> &Budget {
        &self.budget
    }

    /// Whether nothing more is to be asked for.
    pub fn is_spent(&self) -> bool {
        self.budget.requests_left() == 0
            || self.budget.bytes_left() == 0
            || Instant::now() >= self.budget.deadline()
    }

    fn host(&self, of: &str) -> Arc<Host> {
        let name = uri(of).map(|url| host(&url)).unwrap_or_default();
        let mut hosts = self.hosts.lock().unwrap_or_else(PoisonError::into_inner);
        let host = hosts.entry(name).or_insert_with(|| {
            Arc::new(Host {
                turns: Semaphore::new(OF_HOST),
                failures: AtomicUsize::new(0),
            })
        });
        host.clone()
    }

    /// Does something at the host of an id when its turn has come.
    pub async fn at<T>(
        &self,
        of: &str,
        work: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, Error> {
        let host = self.host(of);
        let closed = || Error::Later("nobody is asked any more".to_owned());
        let _turn = host.turns.acquire().await.map_err(|_| closed())?;
        let _place = self.places.acquire().await.map_err(|_| closed())?;
        if host.failures.load(Ordering::Relaxed) >= PATIENCE {
            return Err(Error::Later(format!("{of}: its host does not answer")));
        }
        let done = work.await;
        if matches!(done, Err(Error::Later(_))) {
            host.failures.fetch_add(1, Ordering::Relaxed);
        }
        done
    }

    /// The documents of listed posts as their own origins serve them.
    async fn documents(&self, listed: &[Listed]) -> Vec<Option<Value>> {
        let fetching = listed.iter().map(|post| async move {
            if let Some(document) = &post.embedded {
                return Some(document.clone());
            }
            let work = fetch::document(self.app, &post.id, &self.budget);
            match self.at(&post.id, work).await {
                Ok(document) => Some(document),
                Err(error) => {
                    tracing::debug!(%error, "a listed post cannot be had");
                    None
                }
            }
        });
        futures::future::join_all(fetching).await
    }

    /// The authors of documents, each asked for once.
    async fn authors(&self, documents: &[Option<Value>]) -> HashMap<String, Account> {
        let mut wanted: HashMap<&str, &Value> = HashMap::new();
        for document in documents.iter().flatten() {
            if let Some(by) = author(document) {
                wanted.entry(by).or_insert(document);
            }
        }
        let fetching = wanted.into_iter().map(|(by, document)| async move {
            let work = fetch::author_of(self.app, document, &self.budget);
            let account = self.at(by, work).await.ok()?;
            Some((by.to_owned(), account))
        });
        let found = futures::future::join_all(fetching).await;
        found.into_iter().flatten().collect()
    }

    /// Listed posts that can be had, and that everyone may see, ready to be stored; each with its
    /// document. In the order of the list, with `None` for what is not to be had.
    pub async fn posts(&self, listed: &[Listed]) -> Vec<Option<(Ready, Value)>> {
        let documents = self.documents(listed).await;
        let authors = self.authors(&documents).await;
        let mut posts = Vec::with_capacity(listed.len());
        for (listed, document) in listed.iter().zip(documents) {
            posts.push(match document {
                Some(document) => self.ready(listed, document, &authors).await,
                None => None,
            });
        }
        posts
    }

    async fn ready(
        &self,
        listed: &Listed,
        document: Value,
        authors: &HashMap<String, Account>,
    ) -> Option<(Ready, Value)> {
        let document = notes::as_served(document);
        let account = authors.get(author(&document)?)?.clone();
        let ready = create::ready_alone(self.app, account, &document).await;
        let mut ready = ready.ok()?;
        // Our own server may see what not everyone may.
        if ready.note.uri != listed.id || !ready.note.visibility.is_open() {
            return None;
        }
        create::resolve(self.app, &mut ready, &self.budget).await;
        Some((ready, document))
    }
}

/// Who wrote a document, on its own host.
fn author(document: &Value) -> Option<&str> {
    let id = text(document, "id")?;
    ids(document, "attributedTo").find(|by| same_origin(by, id))
}
