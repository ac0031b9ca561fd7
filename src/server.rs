//! A running server: the listener and everything that works beside it, or that alone.

use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::api::streaming;
use crate::app::App;
use crate::db;
use crate::error::AppError;
use crate::events::bus::Heard;
use crate::federation::local_keys;
use crate::http::{self, Bound};
use crate::jobs;
use crate::views;

/// How long open streams have to say goodbye.
const FAREWELL: Duration = Duration::from_secs(3);

/// How long the collector of traces has to take the last ones.
const TRACED: Duration = Duration::from_secs(3);

/// How long deliveries under way have to end and be written down.
const DELIVERED: Duration = Duration::from_secs(10);

/// Serves until the application is told to stop, then ends what runs beside.
pub async fn run(app: App, bound: Bound) -> Result<(), String> {
    let mut stop = app.stop.clone();
    let tracing = Tracing::begin(&app);
    let router = http::router(app.clone());
    let works = Works::begin(&app).await?;
    welcome(&app).await.map_err(|e| e.to_string())?;
    let viewing = tokio::spawn(views::run(app.clone()));
    let served = http::serve(bound, router, async move {
        let _ = stop.wait_for(|stop| *stop).await;
    });
    let served = served.await;
    streaming::drained(&app, FAREWELL).await;
    let _ = tokio::time::timeout(DELIVERED, viewing).await;
    // A listener that failed ends the process; one that was told to stop, the jobs first.
    works.end(&app, served.is_ok()).await;
    tracing.end().await;
    served.map_err(|e| e.to_string())
}

/// Does what [`run`] does beside the requests, until the application is told to stop.
pub async fn work(app: App) -> Result<(), String> {
    if !app.db.is_postgres() {
        return Err("a worker needs PostgreSQL: on SQLite, kith serve does the work".to_owned());
    }
    let mut stop = app.stop.clone();
    let tracing = Tracing::begin(&app);
    let works = Works::begin(&app).await?;
    tracing::info!("working");
    let _ = stop.wait_for(|stop| *stop).await;
    works.end(&app, true).await;
    tracing.end().await;
    Ok(())
}

/// Sends traces to where they go, from before anything else is done until after.
struct Tracing {
    end: watch::Sender<bool>,
    sending: Option<JoinHandle<()>>,
}

impl Tracing {
    fn begin(app: &App) -> Tracing {
        let (end, ended) = watch::channel(false);
        let sending = app
            .traces
            .clone()
            .map(|traces| tokio::spawn(traces.run(ended)));
        Tracing { end, sending }
    }

    async fn end(self) {
        let _ = self.end.send(true);
        if let Some(sending) = self.sending {
            let _ = tokio::time::timeout(TRACED, sending).await;
        }
    }
}

/// What works beside the requests, and is to be let finish.
struct Works {
    presence: JoinHandle<()>,
    delivering: JoinHandle<()>,
    queue: JoinHandle<()>,
    ingest: JoinHandle<()>,
}

impl Works {
    async fn begin(app: &App) -> Result<Works, String> {
        local_keys::ensure_instance(app)
            .await
            .map_err(|e| e.to_string())?;
        // Nobody waits for it but who brings a video meanwhile.
        let trying = app.clone();
        tokio::spawn(async move { trying.intake.av().await.is_some() });
        // Caches are empty up to here: nothing that happened before can be stale.
        let from = app
            .read(|c| Box::pin(async move { Ok(db::events::end(c).await?) }))
            .await
            .map_err(|e: AppError| e.to_string())?;
        tokio::spawn(streaming::pump::run(app.clone(), from));
        tokio::spawn(bus(app.clone()));
        jobs::presence::take_up(app)
            .await
            .map_err(|e| e.to_string())?;
        tokio::spawn(jobs::cleanup::run(app.clone()));
        tokio::spawn(jobs::search::run(app.clone()));
        tokio::spawn(jobs::trends::run(app.clone()));
        Ok(Works {
            presence: tokio::spawn(jobs::presence::run(app.clone())),
            delivering: tokio::spawn(jobs::deliver::run(app.clone())),
            queue: tokio::spawn(jobs::queue::run(app.clone())),
            ingest: tokio::spawn(jobs::ingest::run(app.clone())),
        })
    }

    /// Waits until what is under way has ended; `all`: the jobs and what came in, too.
    async fn end(self, app: &App, all: bool) {
        // It would say once more that this process runs.
        let _ = tokio::time::timeout(DELIVERED, self.presence).await;
        jobs::presence::leave(app).await;
        // What was sent but not written down would be sent again.
        let _ = tokio::time::timeout(DELIVERED, self.delivering).await;
        if all {
            let _ = self.queue.await;
            let _ = self.ingest.await;
        }
    }
}

/// Hears what other processes say by Redis, and says what happens here.
async fn bus(app: App) {
    let here = app.clone();
    let heard = Heard {
        wake: app.wake.log.clone(),
        passing: Box::new(move |passing| streaming::passing::tell(&here, passing)),
    };
    app.bus.run(app.stop.clone(), heard).await;
}

/// Says where the server is, and, while nobody has an account, how to make the first.
async fn welcome(app: &App) -> Result<(), AppError> {
    let anyone = app
        .read(|c| Box::pin(async move { Ok(db::users::any(c).await?) }))
        .await?;
    let url = app.config.url("");
    if anyone {
        tracing::info!(url, "serving");
    } else {
        tracing::info!(
            "Kith is at {url}. Nobody has an account yet; make the first admin with: \
             kith user create NAME --email ADDRESS --role admin --confirmed"
        );
    }
    Ok(())
}
