//! Who is plugged into whom. The only place that knows every slice.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::http::{Extensions, HeaderMap, StatusCode, Version, header};
use pitcrew_auth::{AuditSubscriber, Auth, Mode};
use pitcrew_blob::Blobs;
use pitcrew_compat_mlflow::Door;
use pitcrew_contracts::pipelines::StepAction;
use pitcrew_contracts::registry::Models;
use pitcrew_contracts::release::InferenceLog;
use pitcrew_contracts::serving::ModelEngine;
use pitcrew_data::Data;
use pitcrew_db::{Db, Migrations, Options, migrate};
use pitcrew_kernel::{Clock, Error, Ids, RandomIds, Result};
use pitcrew_monitoring::{Monitoring, TrainingProfiles};
use pitcrew_outbound::{Outbound, Policy};
use pitcrew_pipelines::{Pipelines, Ports, SCHEDULED_JOB};
use pitcrew_registry::{Evaluate, Parts, Register, Registry, Signer, Webhooks};
use pitcrew_serving::Serving;
use pitcrew_traces::Traces;
use pitcrew_tracking::{RETENTION_JOB, Retention, Tracking, WATCH_JOB};
use pitcrew_web::{Api, GuardOptions, guarded, named};
use pitcrew_work::{Declared, JobHandler, Pump, Runner, Scheduler, Subscriber, SystemClock, Tasks, release_leases};
use tower_http::CompressionLevel;
use tower_http::compression::CompressionLayer;
use tower_http::compression::predicate::{DefaultPredicate, Predicate as _};

#[cfg(test)]
mod audited;

use super::apply::Applier;
use super::core::Core;
use super::home::Home;
use super::telemetry::Telemetry;
use super::{environment, objects, pages, routes, store};

/// Tokens made by another process are known after this long.
const TOKEN_POLL: Duration = Duration::from_secs(5);

/// What the wiring depends on.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Wiring<'a> {
    pub(crate) home: &'a Path,
    pub(crate) database: Option<&'a str>,
    pub(crate) objects: Option<&'a str>,
    pub(crate) mode: Mode,
    pub(crate) hosts: &'a [String],
    pub(crate) url: &'a str,
    pub(crate) outbound: &'a Policy,
    pub(crate) tasks: &'a Tasks,
}

impl Wiring<'_> {
    /// Makes the calls that people asked for, within the policy.
    fn outbound(self) -> Outbound {
        Outbound::new(self.outbound.clone())
    }
}

#[cfg(test)]
impl<'a> Wiring<'a> {
    /// A server with everything as it comes, for tests.
    fn plain(home: &'a Home, outbound: &'a Policy, tasks: &'a Tasks) -> Self {
        let (home, url) = (home.path(), "http://127.0.0.1:7070");
        Self { home, database: None, objects: None, mode: Mode::None, hosts: &[], url, outbound, tasks }
    }
}

/// Every table series, in the order they are applied.
pub(crate) fn migrations() -> Vec<Migrations> {
    vec![
        pitcrew_db::OUTBOX_MIGRATIONS,
        pitcrew_work::MIGRATIONS,
        pitcrew_auth::MIGRATIONS,
        pitcrew_tracking::MIGRATIONS,
        pitcrew_traces::MIGRATIONS,
        pitcrew_registry::MIGRATIONS,
        pitcrew_data::MIGRATIONS,
        pitcrew_pipelines::MIGRATIONS,
        pitcrew_serving::MIGRATIONS,
        pitcrew_monitoring::MIGRATIONS,
        store::MIGRATIONS,
    ]
}

/// A wired server.
pub(crate) struct Server {
    /// Every route of the API and who may call it.
    #[cfg(test)]
    routes: Vec<pitcrew_web::RouteInfo>,
    pub(crate) router: Router,
    core: Arc<Core>,
    serving: Arc<Serving>,
    pipelines: Arc<Pipelines>,
    runner: Option<Runner>,
    scheduler: Option<Scheduler>,
}

/// What can be asked for in parts is sent as it is: parts of the bytes and parts of compressed ones do not fit together.
fn whole(_: StatusCode, _: Version, headers: &HeaderMap, _: &Extensions) -> bool {
    !headers.contains_key(header::ACCEPT_RANGES)
}

/// The slices.
struct Slices {
    tracking: Arc<Tracking>,
    retention: Arc<Retention>,
    traces: Arc<Traces>,
    registry: Arc<Registry>,
    webhooks: Arc<Webhooks>,
    data: Arc<Data>,
    pipelines: Arc<Pipelines>,
    serving: Arc<Serving>,
    monitoring: Arc<Monitoring>,
}

/// What every slice stands on.
struct Ground {
    db: Db,
    blobs: Blobs,
    clock: Arc<dyn Clock>,
    ids: Arc<dyn Ids>,
    metrics: prometheus::Registry,
}

pub(crate) async fn build(home: &Home, wiring: Wiring<'_>) -> Result<Server> {
    let engine: Arc<dyn ModelEngine> = Arc::new(environment::engine(wiring.home));
    build_with(home, wiring, engine).await
}

async fn build_with(home: &Home, wiring: Wiring<'_>, engine: Arc<dyn ModelEngine>) -> Result<Server> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let ids: Arc<dyn Ids> = Arc::new(RandomIds::new(Arc::clone(&clock)));
    let blobs = open_objects(&home.path().join("objects"), wiring.objects, &clock).await?;
    let db = open_database(database(home.path(), wiring.database)).await?;
    migrate(&db, clock.as_ref(), &migrations()).await?;
    if wiring.database.is_none() {
        // The home folder's lock proves that whoever held these is gone.
        db.write(release_leases).await?;
    }
    let auth = Arc::new(Auth::load(db.clone(), Arc::clone(&clock), Arc::clone(&ids), wiring.mode).await?);
    let ground = Ground { db, blobs, clock, ids, metrics: prometheus::Registry::new() };
    let slices = slices(home, wiring, &ground, &auth, engine)?;
    assemble(home, wiring, ground, auth, slices)
}

/// A bucket is asked for a list, so that a server does not start only to fail when somebody stores something.
async fn open_objects(folder: &Path, url: Option<&str>, clock: &Arc<dyn Clock>) -> Result<Blobs> {
    let options = objects::options(url, folder.to_path_buf(), environment::aws_variable)?;
    let blobs = Blobs::open(&options, Arc::clone(clock))?;
    if let pitcrew_blob::Options::S3(bucket) = &options {
        tracing::info!(?bucket, "objects are kept in a bucket");
        blobs.check().await?;
    }
    Ok(blobs)
}

/// The database of a server at `home`.
pub(crate) fn database(home: &Path, url: Option<&str>) -> Options {
    match url {
        Some(url) => Options::Postgres { url: url.to_owned(), schema: None },
        None => Options::Sqlite(home.join("metadata.db")),
    }
}

pub(crate) async fn open_database(options: Options) -> Result<Db> {
    tokio::task::spawn_blocking(move || Db::open(&options))
        .await
        .map_err(|source| Error::internal("opening the database did not finish", source))?
}

fn slices(
    home: &Home,
    wiring: Wiring<'_>,
    ground: &Ground,
    auth: &Arc<Auth>,
    engine: Arc<dyn ModelEngine>,
) -> Result<Slices> {
    let Ground { db, blobs, clock, ids, metrics } = ground;
    let tracking = Arc::new(Tracking::new(db.clone(), Arc::clone(clock), Arc::clone(ids), blobs.clone()));
    let traces = Arc::new(Traces::new(db.clone(), Arc::clone(clock), Arc::clone(ids), Arc::clone(&tracking) as _));
    let seed = [ids.random_bytes(), ids.random_bytes()].concat().try_into().unwrap_or([0; 32]);
    let signer = Arc::new(Signer::load_or_create(&wiring.home.join("signing.key"), seed)?);
    let webhooks = webhooks(wiring, ground, &signer)?;
    let registry = Arc::new(Registry::new(Parts {
        db: db.clone(),
        blobs: blobs.clone(),
        clock: Arc::clone(clock),
        ids: Arc::clone(ids),
        engine: Arc::clone(&engine),
        signer,
        references: Arc::new(TrainingProfiles),
        artifacts: Arc::clone(&tracking) as _,
    }));
    let retention = Arc::new(Retention::new(Arc::clone(&tracking), Arc::clone(&registry) as _));
    let data = Arc::new(Data::new(db.clone(), Arc::clone(clock), Arc::clone(ids), blobs.clone()));
    let actions: Vec<Arc<dyn StepAction>> =
        vec![Arc::new(Evaluate(Arc::clone(&registry))), Arc::new(Register(Arc::clone(&registry)))];
    let ports = Ports {
        datasets: Arc::clone(&data) as _,
        tracker: Arc::clone(&tracking) as _,
        auth: Arc::clone(auth),
        actions,
    };
    let options = pitcrew_pipelines::Options {
        path: environment::search_path(),
        build_env: environment::build_variables(),
        ..pitcrew_pipelines::Options::at(wiring.home.to_path_buf())
    };
    let pipelines = Pipelines::new(
        db.clone(),
        Arc::clone(clock),
        Arc::clone(ids),
        blobs.clone(),
        ports,
        options,
        wiring.tasks.clone(),
    )?;
    pipelines.serve_at(wiring.url);
    let models: Arc<dyn Models> = Arc::clone(&registry) as _;
    let log = home.folder("log")?;
    let serving = Serving::new(pitcrew_serving::Parts {
        db: db.clone(),
        clock: Arc::clone(clock),
        ids: Arc::clone(ids),
        engine,
        models: Arc::clone(&models),
        log_folder: log,
        metrics: metrics.clone(),
    })?;
    let serving = Arc::new(serving);
    let log: Arc<dyn InferenceLog> = Arc::clone(&serving) as _;
    let monitoring = Arc::new(Monitoring::new(db.clone(), Arc::clone(clock), Arc::clone(ids), log, models));
    Ok(Slices {
        tracking,
        retention,
        traces,
        registry,
        webhooks,
        data,
        pipelines: Arc::new(pipelines),
        serving,
        monitoring,
    })
}

fn webhooks(wiring: Wiring<'_>, ground: &Ground, signer: &Signer) -> Result<Arc<Webhooks>> {
    let Ground { db, clock, ids, .. } = ground;
    Ok(Arc::new(Webhooks::new(db.clone(), Arc::clone(clock), Arc::clone(ids), signer, wiring.outbound())?))
}

fn assemble(home: &Home, wiring: Wiring<'_>, ground: Ground, auth: Arc<Auth>, slices: Slices) -> Result<Server> {
    let Ground { db, blobs, clock, ids, metrics } = ground;
    let pump = Arc::new(Pump::new(db.clone(), Arc::clone(&clock), subscribers(&slices)));
    let jobs = jobs(&slices, wiring);
    let once = jobs.iter().filter(|job| !job.retries_are_under_way()).map(|job| job.kind()).collect();
    let owner = format!("{}-{}", std::process::id(), ids.next().simple());
    let runner = Runner::new(db.clone(), Arc::clone(&clock), owner, jobs);
    let timed = vec![SCHEDULED_JOB, RETENTION_JOB, WATCH_JOB];
    let scheduler = Scheduler::new(db.clone(), Arc::clone(&clock), Arc::clone(&ids), timed);
    let declared: Vec<Arc<dyn Declared>> = vec![
        Arc::clone(&slices.data) as _,
        Arc::clone(&slices.tracking) as _,
        Arc::clone(&slices.registry) as _,
        Arc::clone(&slices.pipelines) as _,
        Arc::clone(&slices.serving) as _,
        Arc::clone(&slices.monitoring) as _,
    ];
    let core = Arc::new(Core {
        applier: Applier {
            db: db.clone(),
            blobs: blobs.clone(),
            clock: Arc::clone(&clock),
            ids: Arc::clone(&ids),
            slices: declared,
        },
        db: db.clone(),
        blobs,
        started_at: clock.now(),
        clock,
        auth: Arc::clone(&auth),
        pump,
        settle: vec![Arc::clone(&slices.serving) as _, Arc::clone(&slices.pipelines) as _],
        once,
        references: vec![
            store::referenced_digests,
            pitcrew_tracking::referenced_digests,
            pitcrew_registry::referenced_digests,
            |tx| Ok(pitcrew_data::referenced_digests(tx)?.into_iter().collect()),
            |tx| Ok(Pipelines::referenced_digests(tx)?.into_iter().collect()),
        ],
        forget: vec![pitcrew_tracking::forget_uploads],
        tasks: wiring.tasks.clone(),
        home: home.path().to_path_buf(),
    });
    let api = api(&slices, Arc::clone(&core));
    #[cfg(test)]
    let routes = api.routes().to_vec();
    let guard = GuardOptions { auth, ids, allowed_hosts: Arc::new(wiring.hosts.to_vec()) };
    let pages = Router::new().fallback(pages::ui);
    let router = guarded(api.into_router(), guard.clone(), pages);
    let (router, metrics) = Telemetry::new(metrics)?.observe(router);
    let open = named(metrics.merge(pages::health(db)), guard);
    // Histories are megabytes: packing them well costs more time than reading them, and packs them little better.
    let packing = CompressionLayer::new().quality(CompressionLevel::Fastest);
    let router = router.merge(open).layer(packing.compress_when(DefaultPredicate::new().and(whole)));
    Ok(Server {
        #[cfg(test)]
        routes,
        router,
        core,
        serving: slices.serving,
        pipelines: slices.pipelines,
        runner: Some(runner),
        scheduler: Some(scheduler),
    })
}

fn api(slices: &Slices, core: Arc<Core>) -> Api {
    let door = Door {
        tracking: Arc::clone(&slices.tracking),
        registry: Arc::clone(&slices.registry),
        traces: Arc::clone(&slices.traces),
        webhooks: Arc::clone(&slices.webhooks),
    };
    routes::routes(core)
        .merge(pitcrew_tracking::routes(Arc::clone(&slices.tracking)))
        .merge(pitcrew_tracking::life_routes(Arc::clone(&slices.retention)))
        .merge(pitcrew_traces::routes(Arc::clone(&slices.traces)))
        .merge(pitcrew_registry::routes(Arc::clone(&slices.registry)))
        .merge(pitcrew_registry::webhook_routes(Arc::clone(&slices.webhooks)))
        .merge(pitcrew_data::routes(Arc::clone(&slices.data)))
        .merge(pitcrew_pipelines::routes(Arc::clone(&slices.pipelines)))
        .merge(pitcrew_serving::routes(Arc::clone(&slices.serving)))
        .merge(pitcrew_monitoring::routes(Arc::clone(&slices.monitoring)))
        .merge(pitcrew_compat_mlflow::routes(door))
        .merge(pitcrew_compat_otel::routes(Arc::clone(&slices.traces)))
        .merge(pitcrew_compat_oip::routes(&slices.serving))
}

fn subscribers(slices: &Slices) -> Vec<Arc<dyn Subscriber>> {
    let mut all: Vec<Arc<dyn Subscriber>> = vec![Arc::new(AuditSubscriber)];
    all.extend(pitcrew_tracking::alert_subscribers(&slices.tracking));
    all.extend(pitcrew_registry::subscribers(&slices.registry));
    all.extend(pitcrew_pipelines::subscribers(&slices.pipelines));
    all.extend(pitcrew_serving::subscribers(&slices.serving));
    all.extend(pitcrew_monitoring::subscribers(&slices.monitoring));
    all
}

fn jobs(slices: &Slices, wiring: Wiring<'_>) -> Vec<Arc<dyn JobHandler>> {
    let mut all = pitcrew_pipelines::jobs(&slices.pipelines);
    all.extend(pitcrew_tracking::alert_jobs(&slices.tracking, wiring.outbound()));
    all.extend(slices.webhooks.jobs());
    all.extend(pitcrew_tracking::jobs(&slices.retention));
    all.extend(pitcrew_serving::jobs(&slices.serving));
    all.extend(pitcrew_monitoring::jobs(&slices.monitoring, wiring.outbound()));
    all
}

impl Server {
    /// Whether a valid token can administer it.
    pub(crate) fn has_admin(&self) -> bool {
        self.core.auth.has_admin()
    }

    /// Takes up what was left, then starts everything that runs by itself.
    pub(crate) async fn start(&mut self, tasks: &Tasks) -> Result<()> {
        let recovered = self.pipelines.recover().await?;
        tracing::debug!(?recovered, "pipelines recovered");
        self.serving.start(tasks).await?;
        let (pump, for_pump) = (Arc::clone(&self.core.pump), tasks.clone());
        tasks.spawn("pump", async move { pump.run(for_pump).await });
        if let Some(runner) = self.runner.take() {
            let (runner, for_runner) = (Arc::new(runner), tasks.clone());
            tasks.spawn("runner", async move { runner.run(for_runner).await });
        }
        if let Some(scheduler) = self.scheduler.take() {
            let for_scheduler = tasks.clone();
            tasks.spawn("scheduler", async move { scheduler.run(for_scheduler).await });
        }
        let (auth, clock, for_auth) = (Arc::clone(&self.core.auth), Arc::clone(&self.core.clock), tasks.clone());
        tasks.spawn("tokens", async move {
            loop {
                tokio::select! {
                    () = clock.sleep(TOKEN_POLL) => {}
                    () = for_auth.stopping() => return,
                }
                if let Err(error) = auth.refresh().await {
                    tracing::warn!(error = ?error, "tokens cannot be read again now");
                }
            }
        });
        Ok(())
    }

    /// Puts what is buffered on disk, after every task has ended.
    pub(crate) async fn close(self) {
        if let Err(error) = self.serving.stop().await {
            tracing::warn!(error = ?error, "the inference log is not all in files yet; the next start does it");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::{Method, StatusCode};
    use pitcrew_testkit::call;
    use serde_json::json;

    #[tokio::test]
    async fn a_run_that_is_not_over_keeps_the_server_from_rest_and_a_message_that_does_not_arrive_does_not() {
        let (folder, project, tasks) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap(), Tasks::new());
        let home = Home::open(folder.path()).unwrap();
        let outbound = Policy::default();
        let wiring = Wiring::plain(&home, &outbound, &tasks);
        // Built and not started: what is queued stays where it is.
        let server = build(&home, wiring).await.unwrap();
        assert_eq!(server.core.once, ["tracking.tell", "registry.deliver_webhook", "monitoring.notify"]);
        let declared = "project: bikes\npipelines:\n  train:\n    steps:\n      look: { run: \"true\" }\n";
        std::fs::write(project.path().join("pitcrew.yaml"), declared).unwrap();
        let root = json!({ "root": project.path() });
        let (status, applied) = call(&server.router, Method::POST, "/api/v1/apply", Some(root)).await;
        assert_eq!(status, StatusCode::OK, "{applied}");
        let (_, idle) = call(&server.router, Method::GET, "/api/v1/status", None).await;
        assert_eq!(idle["work"]["busy"], json!(null), "{idle}");
        let (status, run) = call(&server.router, Method::POST, "/api/v1/pipelines/train/runs", Some(json!({}))).await;
        assert!(status.is_success(), "{run}");
        let (_, busy) = call(&server.router, Method::GET, "/api/v1/status", None).await;
        assert_eq!(busy["work"]["busy"], json!("a pipeline run is not over"), "{busy}");
    }
}
