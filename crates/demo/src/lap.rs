//! The lap: history, first training, then day after day of live traffic until the loop has closed.
//!
//! Everything goes through the HTTP API, as a user would do it. Whatever sets the loop going (a day's first prediction makes windows due,
//! labels move releases, a file is fresh data) is followed by a wait until the server is at rest, and nothing else happens meanwhile. So the
//! same seed gives the same lap on a fast machine and on a slow one.

use std::path::PathBuf;
use std::sync::Arc;

use chrono::{Days, NaiveDate};
use pitcrew_client::Client;
use pitcrew_kernel::{Clock, Error, Result};
use serde_json::{Value, json};

use crate::folder::must_hold_no_lap;
use crate::hook::{Ear, Hook};
use crate::hour::Hour;
use crate::progress::{Progress, Show};
use crate::replay::{Labels, Replay, Served, blocks, end_of, known_at};
use crate::report::{Facts, Report};
use crate::server::{Record, Server, text};
use crate::{city, files, table, template};

/// How much of the simulated city is history before the first live day: its first year.
const CITY_HISTORY_DAYS: usize = 365;
/// The same of a table, as parts of its days: the public one has two years and changes slowly.
const TABLE_HISTORY: (usize, usize) = (3, 8);
/// The least history and live traffic that make a lap.
const MIN_HISTORY_DAYS: usize = 60;
const MIN_LIVE_DAYS: usize = 2;
/// So many days after a retrained model has won, the candidate with shuffled labels is offered, and later the one trained on old hours.
const SHUFFLED_AFTER_DAYS: u64 = 42;
const STALE_AFTER_DAYS: u64 = 70;

/// What to drive, and where.
#[derive(Debug)]
pub struct Options {
    /// The running server.
    pub client: Client,
    /// The demo's own folder: the project and the report are written here.
    pub folder: PathBuf,
    /// The public table `hour.csv`; the simulated city when absent.
    pub data: Option<PathBuf>,
    /// The seed of the simulated city.
    pub seed: u64,
    /// Replay at most so many live days.
    pub days: Option<u32>,
    /// How progress is shown.
    pub show: Show,
    /// For the time the lap takes.
    pub clock: Arc<dyn Clock>,
}

/// Drives one lap of the demo `bikes`.
///
/// # Errors
/// `DEMO_DATA_*` for a table that cannot be used, `DEMO_FOLDER_*` for the folder, `DEMO_TRAINING_FAILED`, `DEMO_NOT_AT_REST`, and what the
/// server refuses.
pub async fn bikes(options: Options) -> Result<Report> {
    let hook = Hook::bind().await?;
    let (url, ear) = (hook.url().to_owned(), hook.ear());
    tokio::select! {
        report = Box::pin(drive(&options, &url, ear)) => report,
        ended = hook.serve() => Err(match ended {
            Err(source) => Error::internal("the webhook receiver stopped", source),
            Ok(()) => Error::internal("the webhook receiver stopped", "it was not asked to"),
        }),
    }
}

async fn drive(options: &Options, webhook: &str, ear: Ear) -> Result<Report> {
    let from = options.clock.now();
    let progress = Progress::new(options.show);
    must_hold_no_lap(&options.folder)?;
    let world = World::load(options)?;
    let project = options.folder.join("project");
    template::write(&project, webhook)?;
    let replay = Replay::new(&options.client, &project);
    replay.history(&world.history)?;

    let mut lap = Lap {
        server: Server::new(&options.client, &progress).await?,
        replay,
        progress: &progress,
        offers: Offers::new(world.first_live_day()),
        served: Vec::new(),
        labelled: 0,
        labels: Labels::default(),
        logged: 0,
    };
    lap.first_training(&project).await?;
    lap.live(&world).await?;
    let record = Record { heard: ear.heard(), ..lap.server.record().await? };
    progress.finish();

    let facts = Facts {
        source: options
            .data
            .as_ref()
            .map_or_else(|| format!("simulated city, seed {}", options.seed), |path| path.display().to_string()),
        history_days: world.history_days,
        whole: world.whole,
        changes_on: options
            .data
            .is_none()
            .then(|| city::FIRST_DAY.checked_add_days(Days::new(city::CHANGE_DAY)))
            .flatten(),
        labels_accepted: lap.labels.accepted,
        labels_other: lap.labels.other,
        logged: lap.logged,
        notifications: record.heard.len() as u64,
        seconds: options.clock.now().since(from).as_secs_f64(),
        folder: options.folder.clone(),
    };
    let report = Report::new(facts, &lap.served, &record);
    files::write(&options.folder, &report, &lap.served)?;
    Ok(report)
}

/// The hours of the lap, divided into what is known before and what comes live.
struct World {
    history: Vec<Hour>,
    history_days: usize,
    live: Vec<Vec<Hour>>,
    /// Nothing was left out by a limit of days.
    whole: bool,
}

impl World {
    fn load(options: &Options) -> Result<Self> {
        let (hours, history) = match &options.data {
            None => (city::simulate(options.seed), None),
            Some(path) => (table::read(path)?, Some(TABLE_HISTORY)),
        };
        let mut days: Vec<Vec<Hour>> =
            hours.chunk_by(|one, next| one.day() == next.day()).map(<[Hour]>::to_vec).collect();
        let history_days = history.map_or(CITY_HISTORY_DAYS, |(part, parts)| days.len() * part / parts);
        if history_days < MIN_HISTORY_DAYS || days.len() < history_days + MIN_LIVE_DAYS {
            let needed = MIN_HISTORY_DAYS * TABLE_HISTORY.1 / TABLE_HISTORY.0;
            let sentence = format!("the table has {} days; a lap needs at least {needed}", days.len());
            return Err(Error::invalid("DEMO_DATA_TOO_SHORT", sentence)
                .hint("use the whole public table, or none for the simulated city"));
        }
        let mut live = days.split_off(history_days);
        let all = live.len();
        if let Some(most) = options.days {
            live.truncate(usize::try_from(most).unwrap_or(usize::MAX).max(MIN_LIVE_DAYS));
        }
        Ok(Self { history: days.concat(), history_days, whole: live.len() == all, live })
    }

    fn first_live_day(&self) -> NaiveDate {
        self.live.first().and_then(|day| day.first()).map_or(NaiveDate::MIN, Hour::day)
    }
}

/// A lap under way.
struct Lap<'a> {
    server: Server<'a>,
    replay: Replay<'a>,
    progress: &'a Progress,
    offers: Offers,
    served: Vec<Served>,
    /// How many of the served hours have their label.
    labelled: usize,
    labels: Labels,
    /// How many of the served hours the server's log holds, with version and arm.
    logged: u64,
}

impl Lap<'_> {
    async fn first_training(&mut self, project: &std::path::Path) -> Result<()> {
        let root = std::path::absolute(project)
            .map_err(|source| Error::internal("the project's folder has no absolute path", source))?;
        let applied = self.server.apply(&root.display().to_string()).await?;
        let changes = applied["changes"].as_array().map_or(0, Vec::len);
        self.progress.say(&format!("project {}: {changes} declared things are in place", text(&applied, "project")));
        let version = self.server.read_data().await?;
        let checks = version["checks"].as_array().map_or(0, Vec::len);
        self.progress.say(&format!("data {}: {} rows, {checks} checks", text(&version, "ref"), version["rows"]));
        let run = self.server.train(json!({}), "the first training").await?;
        self.progress.doing("pipeline train #1");
        self.server.rest().await?;
        self.server.must_succeed(&run).await?;
        self.tell(None).await
    }

    async fn live(&mut self, world: &World) -> Result<()> {
        self.progress.replay(world.live.len() as u64);
        let mut yesterday: &[Hour] = &[];
        for (index, hours) in world.live.iter().enumerate() {
            let Some(day) = hours.first().map(Hour::day) else { continue };
            self.day(hours).await?;
            self.replay.observe(yesterday)?;
            yesterday = hours;
            self.tell(Some(day)).await?;
            self.offer(day).await?;
            self.progress.day(index as u64 + 1, day, &self.standing());
        }
        // Traffic has ended; a day later the last counts are known too.
        self.label(self.served.len()).await?;
        self.replay.observe(yesterday)?;
        self.tell(world.live.last().and_then(|hours| hours.first()).map(Hour::day)).await
    }

    /// A day of traffic, with the labels that come meanwhile.
    async fn day(&mut self, hours: &[Hour]) -> Result<()> {
        let begun = self.served.len();
        for block in blocks(hours) {
            for hour in block {
                self.served.push(self.replay.ask(*hour).await?);
                if self.served.len() == begun + 1 {
                    // Windows are due now: an alert may start the pipeline, and that a release.
                    self.server.rest().await?;
                }
            }
            self.label(known_at(&self.served, end_of(block))).await?;
        }
        let today = self.served.get(begun..).unwrap_or_default();
        self.logged += self.server.logged(today).await?;
        Ok(())
    }

    /// Labels the served hours up to number `known`.
    async fn label(&mut self, known: usize) -> Result<()> {
        let labels = self.replay.label(self.served.get(self.labelled..known).unwrap_or_default()).await?;
        self.labels.accepted += labels.accepted;
        self.labels.other += labels.other;
        self.labelled = self.labelled.max(known);
        self.server.rest().await
    }

    /// Shows what has happened since the last time, and takes note of promotions.
    async fn tell(&mut self, day: Option<NaiveDate>) -> Result<()> {
        for event in self.server.news().await? {
            let name = text(&event, "name");
            if let (Some(day), "serving.release_promoted") = (day, name.as_str()) {
                self.offers.promoted(day);
            }
            if is_told(&name) {
                let when = day.map_or_else(|| "before".to_owned(), |day| day.to_string());
                self.progress.say(&format!("{when:<10}  {}", text(&event, "summary")));
            }
        }
        Ok(())
    }

    async fn offer(&mut self, day: NaiveDate) -> Result<()> {
        let Some(offer) = self.offers.due(day) else { return Ok(()) };
        if !self.server.is_calm().await? {
            return Ok(());
        }
        self.offers.made();
        self.server.train(offer.params, offer.reason).await?;
        self.server.rest().await?;
        self.tell(Some(day)).await
    }

    /// The error of the last day whose counts are known, and who answered.
    fn standing(&self) -> String {
        let latest = self.served.last().map(|served| served.version.clone()).unwrap_or_default();
        format!("version {latest}, {} predictions", self.served.len())
    }
}

/// Events worth a line on the screen.
fn is_told(name: &str) -> bool {
    matches!(
        name,
        "registry.gate_decided"
            | "serving.release_started"
            | "serving.release_promoted"
            | "serving.release_rolled_back"
            | "monitoring.alert_pending"
            | "monitoring.alert_fired"
            | "monitoring.alert_resolved"
            | "data.checks_failed"
    )
}

/// A candidate that must not win.
struct Offer {
    params: Value,
    reason: &'static str,
}

/// The two bad candidates, each offered once: some weeks after a retrained model has won, when nothing else is going on.
struct Offers {
    first_live_day: NaiveDate,
    won: Option<NaiveDate>,
    made: usize,
}

impl Offers {
    fn new(first_live_day: NaiveDate) -> Self {
        Self { first_live_day, won: None, made: 0 }
    }

    fn promoted(&mut self, day: NaiveDate) {
        self.won.get_or_insert(day);
    }

    fn due(&self, day: NaiveDate) -> Option<Offer> {
        let since = self.won?.checked_add_days(Days::new(match self.made {
            0 => SHUFFLED_AFTER_DAYS,
            1 => STALE_AFTER_DAYS,
            _ => return None,
        }))?;
        if day < since {
            return None;
        }
        Some(match self.made {
            0 => Offer {
                params: json!({ "shuffle_labels": true }),
                reason: "a spoiled candidate: its labels are shuffled",
            },
            _ => Offer {
                params: json!({ "until": self.first_live_day.to_string() }),
                reason: "a stale candidate: trained and held out on old hours only",
            },
        })
    }

    fn made(&mut self) {
        self.made += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    #[test]
    fn bad_candidates_are_offered_once_each_after_a_win() {
        let mut offers = Offers::new(day("2012-01-01"));
        assert!(offers.due(day("2012-12-31")).is_none(), "nothing has won yet");
        offers.promoted(day("2012-03-20"));
        offers.promoted(day("2012-04-20"));
        assert!(offers.due(day("2012-04-30")).is_none());
        let shuffled = offers.due(day("2012-05-01")).unwrap();
        assert_eq!(shuffled.params, json!({ "shuffle_labels": true }));
        offers.made();
        assert!(offers.due(day("2012-05-28")).is_none());
        assert_eq!(offers.due(day("2012-05-29")).unwrap().params, json!({ "until": "2012-01-01" }));
        offers.made();
        assert!(offers.due(day("2012-12-31")).is_none());
    }
}
